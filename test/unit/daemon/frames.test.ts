import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/crypto/secret.ts';
import { encodeFrame, FrameReader } from '../../../src/daemon/frames.ts';
import { codeOf } from '../../suites/block-device.ts';

const secret = (text: string): Secret => Secret.copy(Buffer.from(text));

/** Feeds the bytes in parts of at most `part`, as a socket might. */
function read(bytes: Uint8Array, part: number): FrameReader {
  const reader = new FrameReader();
  let at = 0;
  for (let room = reader.room; room && at < bytes.length; room = reader.room) {
    const count = Math.min(part, room.length, bytes.length - at);
    room.set(bytes.subarray(at, at + count));
    reader.filled(count);
    at += count;
  }
  return reader;
}

const shown = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, key, member) {
      const original = this[key];
      return original instanceof Secret ? `secret ${Buffer.from(original.bytes)}` : member;
    }),
  );

describe('frames', () => {
  const values = [
    null,
    'text',
    { nothing: [], deep: [{ a: [1, true, null] }] },
    { table: [{ args: ['aes', secret('key one'), '0'] }, { args: [secret(''), secret('two')] }] },
    secret('alone'),
  ];

  it('bring values across, secrets included, in whatever parts they arrive', () => {
    for (const value of values) {
      const bytes = Buffer.concat(encodeFrame(value));
      for (const part of [1, 2, 3, 7, 1000]) {
        const reader = read(bytes, part);
        expect(reader.room).toBeUndefined();
        expect(shown({ value: reader.value })).toEqual(shown({ value }));
      }
    }
  });

  it('have no secret in their text', () => {
    const pieces = encodeFrame({ key: secret('hush') });
    expect(Buffer.from(pieces[1]!).toString()).toBe('{"key":{"secret":4}}');
    expect(Buffer.from(pieces[2]!).toString()).toBe('hush');
  });

  it('that are cut short are never complete', () => {
    const bytes = Buffer.concat(encodeFrame({ key: secret('hush') }));
    for (let length = 0; length < bytes.length; length++) {
      expect(read(bytes.subarray(0, length), 5).room?.length).toBeGreaterThan(0);
    }
  });

  it('that are none are refused', async () => {
    const frame = (json: string): Buffer => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(json));
      return Buffer.concat([length, Buffer.from(json)]);
    };
    const bad = [
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      frame('{'),
      frame(''),
      frame('{"secret":-1}'),
      frame('{"secret":1e9}'),
      frame('{"secret":0.5}'),
    ];
    for (const bytes of bad) expect(await codeOf(() => read(bytes, 100))).toBe('PROTOCOL_ERROR');
  });

  it('dispose of the secrets of a frame that nobody wants', () => {
    const reader = read(Buffer.concat(encodeFrame([secret('one'), secret('two')])), 100);
    const secrets = reader.value as Secret[];
    reader.dispose();
    expect(secrets.map(({ disposed }) => disposed)).toEqual([true, true]);
  });
});
