import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytes,
  layout,
  reserved,
  u16be,
  u32be,
  u32le,
  u64be,
  u64beBig,
  u64le,
  u64leBig,
} from '../../../src/codec/layout.ts';
import { codeOf } from '../../suites/block-device.ts';

const Sample = layout('sample', 32, {
  version: u16be,
  gap: reserved(2),
  count: u32be,
  size: u64be,
  cookie: u64beBig,
  digest: bytes(8),
});

const sample = {
  version: 0x0102,
  gap: undefined,
  count: 0xfedc_ba98,
  size: 0x0001_0203_0405_0607,
  cookie: 0xffff_ffff_ffff_fffen,
  digest: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
};

const HEX = '01020000fedcba980001020304050607fffffffffffffffe0102030405060708';

describe('a layout', () => {
  it('writes its fields in order, and reads them back', () => {
    expect(Buffer.from(Sample.encode(sample)).toString('hex')).toBe(HEX);
    expect(Sample.decode(Buffer.from(HEX, 'hex'))).toEqual(sample);
  });

  it('knows where its fields are', () => {
    expect(Sample.offsetOf).toEqual({ version: 0, gap: 2, count: 4, size: 8, cookie: 16, digest: 24 });
  });

  it('works inside larger buffers, writing every byte of the structure and no other', () => {
    const buffer = new Uint8Array(60).fill(0xee);
    Sample.encodeInto(buffer, sample, 10);
    expect(Buffer.from(buffer.subarray(10, 42)).toString('hex')).toBe(HEX);
    expect([...buffer.subarray(0, 10), ...buffer.subarray(42)].every((byte) => byte === 0xee)).toBe(true);
    expect(Sample.decode(buffer, 10)).toEqual(sample);
  });

  it('gives copies, not views', () => {
    const encoded = Sample.encode(sample);
    const { digest } = Sample.decode(encoded);
    encoded.fill(0);
    expect(digest).toEqual(sample.digest);
  });

  it('refuses buffers that are too short', async () => {
    expect(await codeOf(() => Sample.decode(new Uint8Array(31)))).toBe('INVALID_FORMAT');
    expect(await codeOf(() => Sample.decode(new Uint8Array(60), 29))).toBe('INVALID_FORMAT');
    expect(await codeOf(() => Sample.decode(new Uint8Array(60), -1))).toBe('INVALID_FORMAT');
  });

  it('refuses numbers it cannot count with', async () => {
    const large = Sample.encode(sample);
    large[8] = 0x00;
    large[9] = 0x20;
    expect(await codeOf(() => Sample.decode(large))).toBe('INVALID_FORMAT');
  });

  it('refuses to write what does not fit', () => {
    expect(() => Sample.encode({ ...sample, version: 0x1_0000 })).toThrow(RangeError);
    expect(() => Sample.encode({ ...sample, count: -1 })).toThrow(RangeError);
    expect(() => Sample.encode({ ...sample, size: 2 ** 53 })).toThrow(RangeError);
    expect(() => Sample.encode({ ...sample, digest: new Uint8Array(7) })).toThrow(RangeError);
  });

  it('has numbers whose least significant byte comes first', async () => {
    const Little = layout('little', 20, { count: u32le, size: u64le, cookie: u64leBig });
    const little = { count: 0xfedc_ba98, size: 0x0001_0203_0405_0607, cookie: 0xffff_ffff_ffff_fffen };
    const hex = '98badcfe0706050403020100feffffffffffffff';
    expect(Buffer.from(Little.encode(little)).toString('hex')).toBe(hex);
    expect(Little.decode(Buffer.from(hex, 'hex'))).toEqual(little);
    expect(() => Little.encode({ ...little, size: 2 ** 53 })).toThrow(RangeError);
    const large = Little.encode(little);
    large[10] = 0x20;
    expect(await codeOf(() => Little.decode(large))).toBe('INVALID_FORMAT');
  });

  it('must add up to its size', () => {
    expect(() => layout('short', 3, { only: u16be })).toThrow();
  });

  it('brings every value back', () => {
    const value = fc.record({
      version: fc.nat(0xffff),
      gap: fc.constant(undefined),
      count: fc.nat(0xffff_ffff),
      size: fc.maxSafeNat(),
      cookie: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      digest: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    });
    fc.assert(
      fc.property(value, (given) => {
        expect(Sample.decode(Sample.encode(given))).toEqual(given);
      }),
    );
  });
});
