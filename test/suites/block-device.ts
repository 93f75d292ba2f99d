import { describe, expect, it } from 'vitest';
import type { BlockDevice } from '../../src/block/device.ts';
import { type ErrorCode, TscryptError } from '../../src/errors.ts';

/**
 * The contract of `BlockDevice` as tests. Every implementation passes it; what a device may lack is read
 * from its `features`, never from its class.
 */
export interface BlockDeviceFactory {
  /** A writable device of at least 1 MiB that nothing else uses; what it contains does not matter. */
  create(): Promise<BlockDevice>;
  /** The same device again after `create`'s was closed, where its content outlives closing. */
  reopen?(options: { readonly readOnly: boolean }): Promise<BlockDevice>;
  /** After each test; the device is closed already. */
  cleanup?(): Promise<void>;
}

const LONG = 300 * 1024;

export function blockDeviceSuite(name: string, factory: BlockDeviceFactory): void {
  const withDevice = (body: (device: BlockDevice) => Promise<void>) => async () => {
    const device = await factory.create();
    try {
      await body(device);
    } finally {
      await device.close();
      await factory.cleanup?.();
    }
  };

  describe(`${name} as a block device`, () => {
    it(
      'has a consistent geometry',
      withDevice(async (device) => {
        const { limits } = device;
        expect(device.size).toBeGreaterThanOrEqual(1024 * 1024);
        expect(device.size % limits.logicalBlockSize).toBe(0);
        expect(Math.log2(limits.logicalBlockSize) % 1).toBe(0);
        expect(limits.logicalBlockSize).toBeGreaterThanOrEqual(512);
        expect(limits.physicalBlockSize).toBeGreaterThanOrEqual(limits.logicalBlockSize);
        expect(limits.maxIoSize).toBeGreaterThanOrEqual(limits.logicalBlockSize);
        expect(limits.discardGranularity > 0).toBe(device.features.discard);
        expect(device.readOnly).toBe(false);
      }),
    );

    it(
      'reads back what was written, and nothing else changes',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const model = await fill(device, 64 * unit);
        for (const [at, blocks] of [
          [0, 1],
          [1, 1],
          [7, 13],
          [63, 1],
          [30, 34],
        ] as const) {
          const data = pattern(blocks * unit, at + 1);
          await device.write(at * unit, data);
          model.set(data, at * unit);
          expectBytes(await read(device, 0, model.length), model);
        }
        expectBytes(await read(device, 9 * unit, 3 * unit), model.slice(9 * unit, 12 * unit));
      }),
    );

    it(
      'reaches the first and the last block',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const first = pattern(unit, 11);
        const last = pattern(unit, 12);
        await device.write(0, first);
        await device.write(device.size - unit, last);
        expectBytes(await read(device, 0, unit), first);
        expectBytes(await read(device, device.size - unit, unit), last);
      }),
    );

    it(
      'takes long requests',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const length = Math.ceil(LONG / unit) * unit;
        const data = pattern(length, 3);
        await device.write(unit, data);
        expectBytes(await read(device, unit, length), data);
        const whole = pattern(device.size, 4);
        await device.write(0, whole);
        expectBytes(await read(device, 0, device.size), whole);
      }),
    );

    it(
      'leaves the buffer of a write as it was',
      withDevice(async (device) => {
        const data = pattern(4 * device.limits.logicalBlockSize, 9);
        const copy = data.slice();
        await device.write(0, data);
        expectBytes(data, copy);
      }),
    );

    it(
      'writes from and reads into parts of larger buffers',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const buffer = pattern(3 * unit, 5);
        await device.write(0, buffer.subarray(unit, 2 * unit), { mayClobber: false });
        const into = new Uint8Array(3 * unit).fill(0xee);
        await device.read(0, into.subarray(unit, 2 * unit));
        expectBytes(into.slice(unit, 2 * unit), buffer.slice(unit, 2 * unit));
        expect(into.slice(0, unit).every((byte) => byte === 0xee)).toBe(true);
        expect(into.slice(2 * unit).every((byte) => byte === 0xee)).toBe(true);
      }),
    );

    it(
      'stores the same with the buffer given up, with FUA and with both',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        for (const [index, options] of [
          { mayClobber: true },
          { fua: true },
          { mayClobber: true, fua: true },
        ].entries()) {
          const data = pattern(2 * unit, 20 + index);
          await device.write(index * 2 * unit, data.slice(), options);
          expectBytes(await read(device, index * 2 * unit, 2 * unit), data);
        }
        await device.flush();
      }),
    );

    it(
      'serves many requests at once',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const blocks = Array.from({ length: 128 }, (_, index) => pattern(unit, 100 + index));
        await Promise.all(blocks.map(async (data, index) => device.write(index * unit, data)));
        await device.flush();
        const found = await Promise.all(blocks.map((_, index) => read(device, index * unit, unit)));
        for (const [index, data] of blocks.entries()) expectBytes(found[index]!, data);
      }),
    );

    it(
      'writes zeroes',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const model = await fill(device, 32 * unit);
        await device.writeZeroes(3 * unit, 5 * unit);
        model.fill(0, 3 * unit, 8 * unit);
        await device.writeZeroes(20 * unit, unit, { fua: true, noHole: true });
        model.fill(0, 20 * unit, 21 * unit);
        expectBytes(await read(device, 0, model.length), model);
      }),
    );

    it(
      'writes zeroes fast, or says that it cannot and changes nothing',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const model = await fill(device, 8 * unit);
        const code = await codeOf(() => device.writeZeroes(unit, unit, { fast: true }));
        if (code === undefined) model.fill(0, unit, 2 * unit);
        else expect(code).toBe('NOT_SUPPORTED');
        if (device.features.fastZeroes) expect(code).toBeUndefined();
        expectBytes(await read(device, 0, model.length), model);
      }),
    );

    it(
      'discards without touching what is outside the range',
      withDevice(async (device) => {
        const unit = Math.max(device.limits.logicalBlockSize, device.limits.discardGranularity);
        const model = await fill(device, 16 * unit);
        const code = await codeOf(() => device.discard(4 * unit, 4 * unit));
        expect(code).toBe(device.features.discard ? undefined : 'NOT_SUPPORTED');
        expectBytes(await read(device, 0, 4 * unit), model.slice(0, 4 * unit));
        expectBytes(await read(device, 8 * unit, 8 * unit), model.slice(8 * unit));
      }),
    );

    it(
      'describes its extents in order and without gaps',
      withDevice(async (device) => {
        if (!device.extents) return;
        const unit = device.limits.logicalBlockSize;
        await device.write(0, pattern(8 * unit, 1));
        await device.writeZeroes(8 * unit, 8 * unit);
        const content = await read(device, 0, 16 * unit);
        const extents = await device.extents(0, 16 * unit);
        expect(extents.length).toBeGreaterThan(0);
        let at = 0;
        for (const extent of extents) {
          expect(extent.length).toBeGreaterThan(0);
          expect(extent.length % unit).toBe(0);
          if (extent.zero) {
            expect(content.subarray(at, at + extent.length).every((byte) => byte === 0)).toBe(true);
          }
          at += extent.length;
        }
      }),
    );

    it(
      'refuses requests that are not made of whole blocks',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const model = await fill(device, 4 * unit);
        for (const [offset, length] of [
          [1, unit],
          [unit / 2, unit],
          [0, unit - 1],
          [0, unit / 2],
          [-unit, unit],
          [0.5, unit],
          [Number.NaN, unit],
        ] as const) {
          expect(await codeOf(() => device.read(offset, new Uint8Array(length)))).toBe('INVALID_ARGUMENT');
          expect(await codeOf(() => device.write(offset, new Uint8Array(length)))).toBe('INVALID_ARGUMENT');
          expect(await codeOf(() => device.writeZeroes(offset, length))).toBe('INVALID_ARGUMENT');
          expect(await codeOf(() => device.discard(offset, length))).toBe('INVALID_ARGUMENT');
        }
        expectBytes(await read(device, 0, model.length), model);
      }),
    );

    it(
      'refuses requests past its end, and does not do the first part of them',
      withDevice(async (device) => {
        const unit = device.limits.logicalBlockSize;
        const tail = pattern(unit, 42);
        await device.write(device.size - unit, tail);
        for (const [offset, length] of [
          [device.size, unit],
          [device.size - unit, 2 * unit],
          [2 ** 52, unit],
          [Number.MAX_SAFE_INTEGER + 1 - unit, 2 * unit],
        ] as const) {
          expect(await codeOf(() => device.read(offset, new Uint8Array(length)))).toBe('INVALID_ARGUMENT');
          expect(['NO_SPACE', 'INVALID_ARGUMENT']).toContain(
            await codeOf(() => device.write(offset, new Uint8Array(length))),
          );
        }
        expect(await codeOf(() => device.write(device.size, new Uint8Array(unit)))).toBe('NO_SPACE');
        expect(await codeOf(() => device.writeZeroes(device.size - unit, 2 * unit))).toBe('NO_SPACE');
        expect(await codeOf(() => device.discard(device.size, unit))).toBe('NO_SPACE');
        expectBytes(await read(device, device.size - unit, unit), tail);
      }),
    );

    it(
      'takes empty requests',
      withDevice(async (device) => {
        await device.read(0, new Uint8Array(0));
        await device.write(device.size, new Uint8Array(0));
        await device.writeZeroes(0, 0);
      }),
    );

    it('finishes requests under way before it closes, and refuses later ones', async () => {
      const device = await factory.create();
      const unit = device.limits.logicalBlockSize;
      let written = false;
      const under = Promise.resolve(device.write(0, pattern(unit, 1))).then(() => {
        written = true;
      });
      await device.close();
      await under;
      expect(written).toBe(true);
      expect(await codeOf(() => device.read(0, new Uint8Array(unit)))).not.toBeUndefined();
      expect(await codeOf(() => device.write(0, new Uint8Array(unit)))).not.toBeUndefined();
      expect(await codeOf(() => device.flush())).not.toBeUndefined();
      await device.close();
      await factory.cleanup?.();
    });

    const { reopen } = factory;
    if (reopen)
      it('keeps its content when closed, and read-only keeps it from changing', async () => {
        const device = await factory.create();
        const unit = device.limits.logicalBlockSize;
        const data = pattern(4 * unit, 77);
        await device.write(unit, data);
        await device.flush();
        await device.close();
        const again = await reopen({ readOnly: true });
        try {
          expect(again.readOnly).toBe(true);
          expectBytes(await read(again, unit, data.length), data);
          expect(await codeOf(() => again.write(unit, new Uint8Array(unit)))).toBe('READ_ONLY');
          expect(await codeOf(() => again.writeZeroes(unit, unit))).toBe('READ_ONLY');
          expect(await codeOf(() => again.discard(unit, unit))).toBe('READ_ONLY');
          await again.flush();
          expectBytes(await read(again, unit, data.length), data);
        } finally {
          await again.close();
          await factory.cleanup?.();
        }
      });
  });
}

/** Bytes that differ from block to block and from seed to seed. */
export function pattern(length: number, seed: number): Uint8Array {
  const data = new Uint8Array(length);
  let state = (seed * 2654435761) >>> 0 || 1;
  const words = new Uint32Array(data.buffer, 0, length >>> 2);
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state >>> 0;
  }
  return data;
}

async function fill(device: BlockDevice, length: number): Promise<Uint8Array> {
  const data = pattern(length, 0x5eed);
  await device.write(0, data);
  return data;
}

export async function read(device: BlockDevice, offset: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  await device.read(offset, into);
  return into;
}

/** Equal bytes; says where the first difference is instead of printing both. */
export function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  const same = Buffer.compare(found, expected) === 0;
  const firstDifference = same ? undefined : found.findIndex((byte, index) => byte !== expected[index]);
  expect({ length: found.length, same, firstDifference }).toEqual({
    length: expected.length,
    same: true,
    firstDifference: undefined,
  });
}

/** The code a request fails with, thrown at once or later; undefined when it succeeds. */
export async function codeOf(request: () => unknown): Promise<ErrorCode | undefined> {
  try {
    await request();
    return undefined;
  } catch (error) {
    if (error instanceof TscryptError) return error.code;
    throw error;
  }
}
