import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Arena } from '../../../src/arena.ts';
import {
  addressOf,
  ffiAvailable,
  IORING_OP_NOP,
  IORING_OP_READ,
  IORING_OP_WRITE,
  Uring,
} from '../../../src/sys/index.ts';

/** Requests one after another, and their results. */
function submitted(ring: Uring, ...args: [number, number, number, number, number, number?]): Promise<number> {
  return new Promise((completed) => {
    ring.submit({ completed }, ...args);
  });
}

describe.skipIf(!ffiAvailable())('io_uring (needs foreign functions)', () => {
  let ring: Uring;
  let directory: string;
  beforeAll(() => {
    const created = Uring.create({ entries: 8, completions: 16 });
    if (!created) throw new Error('no io_uring here');
    ring = created;
    directory = mkdtempSync(join(tmpdir(), 'uring-'));
  });
  afterAll(() => {
    ring?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('completes more requests than the queues have room for', async () => {
    const results = await Promise.all(
      Array.from({ length: 1000 }, () => submitted(ring, IORING_OP_NOP, -1, 0, 0, 0)),
    );
    expect(results).toEqual(Array.from({ length: 1000 }, () => 0));
    expect(ring.underWay).toBe(0);
  });

  it('writes and reads memory that stays where it is', async () => {
    const memory = new Arena();
    const bytes = memory.take(8192);
    if (!bytes) throw new Error('no room');
    const fd = openSync(join(directory, 'file'), 'w+');
    bytes.fill(0x5a);
    expect(await submitted(ring, IORING_OP_WRITE, fd, addressOf(bytes), 8192, 4096)).toBe(8192);
    expect(readFileSync(join(directory, 'file')).subarray(4096).equals(bytes)).toBe(true);
    bytes.fill(0);
    expect(await submitted(ring, IORING_OP_READ, fd, addressOf(bytes) + 1, 100, 4096)).toBe(100);
    expect(bytes.subarray(0, 102)).toEqual(Buffer.from([0, ...Array(100).fill(0x5a), 0]));
  });

  it('says what went wrong', async () => {
    expect(await submitted(ring, IORING_OP_READ, 12345, 0, 1, 0)).toBe(-9);
  });

  it('works off what a completion submits', async () => {
    let left = 50;
    await new Promise<void>((resolve) => {
      const completion = {
        completed(): void {
          if (--left === 0) resolve();
          else ring.submit(completion, IORING_OP_NOP, -1, 0, 0, 0);
        },
      };
      ring.submit(completion, IORING_OP_NOP, -1, 0, 0, 0);
    });
    expect(left).toBe(0);
  });

  it('is gone when it is closed, from a completion too', async () => {
    const mapped = (): number =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .filter((line) => line.includes('[io_uring]')).length;
    const before = mapped();
    const other = Uring.create({ entries: 4, completions: 8 });
    expect(mapped()).toBeGreaterThan(before);
    await new Promise<void>((resolve) => {
      const closing = {
        completed(): void {
          other?.submit({ completed() {} }, IORING_OP_NOP, -1, 0, 0, 0);
          other?.close();
          resolve();
        },
      };
      other?.submit(closing, IORING_OP_NOP, -1, 0, 0, 0);
    });
    // The turn that it was closed in ends.
    await new Promise(setImmediate);
    expect(mapped()).toBe(before);
    other?.flush();
    expect(() => other?.submit({ completed() {} }, IORING_OP_NOP, -1, 0, 0, 0)).toThrow('EBADF');
  });

  it('lets everything else in the event loop have its turn', async () => {
    let stop = false;
    const completion = {
      completed(): void {
        if (!stop) ring.submit(completion, IORING_OP_NOP, -1, 0, 0, 0);
      },
    };
    ring.submit(completion, IORING_OP_NOP, -1, 0, 0, 0);
    await new Promise((resolve) => setTimeout(resolve, 1));
    stop = true;
  });
});
