import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/crypto/secret.ts';
import { encodeHandover, type Handover, receiveHandover } from '../../../src/daemon/handover.ts';

const directory = mkdtempSync(join(tmpdir(), 'tscrypt-handover-'));
afterAll(() => rmSync(directory, { recursive: true }));

const secrets = [
  Secret.copy(Buffer.from('0123456789abcdef')),
  new Secret(0),
  Secret.copy(Buffer.alloc(64, 0xe7)),
];
const handover: Handover = {
  request: {
    name: 'näme',
    uuid: 'u',
    table: [
      { start: 0, length: 8, type: 'crypt', args: ['aes', secrets[0]!, '0', '/dev/x', '0'] },
      { start: 8, length: 8, type: 'crypt', args: ['null', secrets[1]!, secrets[2]!] },
    ],
    readOnly: true,
    description: { cipher: 'aes' },
  },
  root: '/r',
  staging: '/r/s',
  workingDirectory: '/w',
};

function receive(bytes: Uint8Array): Handover {
  const path = join(directory, 'bytes');
  writeFileSync(path, bytes);
  const fd = openSync(path, 'r');
  try {
    return receiveHandover(fd) as Handover;
  } finally {
    closeSync(fd);
  }
}

describe('hand-over of a request', () => {
  const bytes = Buffer.concat(encodeHandover(handover));

  it('brings everything across', () => {
    const got = receive(bytes);
    const plain = (spec: Handover) =>
      spec.request.table!.map((line) =>
        line.args.map((arg) => (arg instanceof Secret ? [...arg.bytes] : arg)),
      );
    expect({ ...got, request: { ...got.request, table: [] } }).toEqual({
      ...handover,
      request: { ...handover.request, table: [] },
    });
    expect(plain(got)).toEqual(plain(handover));
  });

  it('keeps secrets out of the text', () => {
    const json = bytes.subarray(4, 4 + bytes.readUInt32BE());
    for (const secret of secrets) {
      if (secret.length === 0) continue;
      expect(json.includes(Buffer.from(secret.bytes))).toBe(false);
      expect(json.includes(Buffer.from(secret.bytes).toString('hex'))).toBe(false);
      expect(json.includes(Buffer.from(secret.bytes).toString('base64'))).toBe(false);
    }
  });

  it('is refused when cut short anywhere', () => {
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => receive(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'PROTOCOL_ERROR' }),
      );
    }
  });

  it('is not believed about impossible lengths', () => {
    expect(() => receive(Buffer.from('ffffffff', 'hex'))).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_ERROR' }),
    );
  });
});
