import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, NOT_LISTENING } from '../../../src/daemon/control-client.ts';
import { ControlServer } from '../../../src/daemon/control-server.ts';
import { LONGEST_LINE } from '../../../src/daemon/lines.ts';
import { TscryptError } from '../../../src/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'tscrypt-control-'));
const path = join(directory, 'control.sock');
const server = new ControlServer({
  echo: (parameters) => parameters,
  nothing: () => undefined,
  refuse: () => {
    throw new TscryptError('DEVICE_BUSY', 'busy', {
      details: { openCount: 2, device: 'x', raw: new Uint8Array(3) },
      hint: 'wait',
      errno: 'EAGAIN',
    });
  },
  fail: async () => {
    throw new TypeError('a defect');
  },
  slow: () => new Promise((resolve) => setImmediate(() => resolve('late'))),
});

beforeAll(() => server.listen(path));
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

async function raw(): Promise<{ socket: Socket; next: () => Promise<Record<string, unknown>> }> {
  const socket = connect({ path });
  await once(socket, 'connect');
  const lines = createInterface(socket)[Symbol.asyncIterator]();
  return { socket, next: async () => JSON.parse((await lines.next()).value as string) };
}

describe('control socket', () => {
  it('is for its owner alone', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('carries parameters, results and typed errors', async () => {
    expect(await ask(path, 'echo', { a: [1, 'ä', null] })).toEqual({ a: [1, 'ä', null] });
    expect(await ask(path, 'nothing')).toBe(null);
    await expect(ask(path, 'refuse')).rejects.toEqual(
      expect.objectContaining({
        code: 'DEVICE_BUSY',
        message: 'busy',
        hint: 'wait',
        errno: 'EAGAIN',
        details: { openCount: 2, device: 'x' },
      }),
    );
    await expect(ask(path, 'fail')).rejects.toEqual(expect.objectContaining({ code: 'INTERNAL' }));
    await expect(ask(path, 'toString')).rejects.toEqual(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
    expect(await ask(join(directory, 'none'), 'echo')).toBe(NOT_LISTENING);
  });

  it('answers many requests of one connection, by their ids', async () => {
    const { socket, next } = await raw();
    socket.write('{"id":1,"method":"slow"}\n{"id":"b","method":"echo","params":{"x":1}}\n');
    const answers = [await next(), await next()];
    expect(answers).toContainEqual({ id: 1, result: 'late' });
    expect(answers).toContainEqual({ id: 'b', result: { x: 1 } });
    socket.destroy();
  });

  it('answers nonsense with an error and goes on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((params) => `{"method":"echo","params":${params}}`),
          fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
        ),
        async (text) => {
          const line = text.replaceAll('\n', ' ').replaceAll('\r', ' ');
          const { socket, next } = await raw();
          socket.write(`${line}\n{"id":7,"method":"echo","params":{"still":"here"}}\n`);
          const answers = [await next(), await next()];
          expect(answers).toContainEqual({ id: 7, result: { still: 'here' } });
          socket.destroy();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('takes requests in any pieces', async () => {
    const { socket, next } = await raw();
    for (const byte of Buffer.from('{"id":3,"method":"echo","params":{"ö":"ü"}}\n')) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await next()).toEqual({ id: 3, result: { ö: 'ü' } });
    socket.destroy();
  });

  it('hangs up on an endless line', async () => {
    const { socket, next } = await raw();
    socket.on('error', () => {});
    const closed = once(socket, 'close');
    socket.write('x'.repeat(LONGEST_LINE + 1));
    expect(await next()).toEqual({ id: null, error: expect.objectContaining({ code: 'PROTOCOL_ERROR' }) });
    socket.destroy();
    await closed;
    expect(await ask(path, 'echo', { after: 1 })).toEqual({ after: 1 });
  });

  it('outlives clients that hang up before the answer', async () => {
    for (let i = 0; i < 20; i++) {
      const { socket } = await raw();
      socket.write('{"id":1,"method":"slow"}\n');
      socket.destroy();
    }
    expect(await ask(path, 'echo', {})).toEqual({});
  });
});
