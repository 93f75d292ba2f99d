import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../../src/block/memory.ts';
import { ByteAccess } from '../../../../src/export/fuse/byte-access.ts';
import { seek } from '../../../../src/export/fuse/holes.ts';

const SIZE = 8192;

/** Every request takes a while, another one each time. */
class Slow extends MemoryDevice {
  #turn = 0;
  override read(offset: number, into: Uint8Array): never {
    return this.#later(() => super.read(offset, into));
  }
  override write(offset: number, from: Uint8Array): never {
    const copy = from.slice();
    return this.#later(() => super.write(offset, copy));
  }
  #later(action: () => void): never {
    this.#turn += 1;
    return sleep((this.#turn * 7) % 5).then(action) as never;
  }
}

describe('bytes of a block device', () => {
  it('are written apart from their neighbours, whatever is under way at the same time', async () => {
    const device = new Slow(SIZE, { logicalBlockSize: 512 });
    const access = new ByteAccess(device);
    const expected = new Uint8Array(SIZE);
    // Pieces that do not overlap but share blocks, among whole blocks.
    const writes: { at: number; length: number }[] = [];
    for (let at = 0, turn = 0; at < SIZE; turn++) {
      const length = Math.min([100, 412, 512, 700, 324, 1024][turn % 6] as number, SIZE - at);
      writes.push({ at, length });
      at += length;
    }
    await Promise.all(
      writes.map(({ at, length }, index) => {
        expected.fill(index + 1, at, at + length);
        if (index % 5 === 4) {
          expected.fill(0, at, at + length);
          return access.writeZeroes(at, length, false);
        }
        return access.write(at, new Uint8Array(length).fill(index + 1), {});
      }),
    );
    expect(Buffer.from(device.content).equals(expected)).toBe(true);
    const part = new Uint8Array(1000);
    await access.read(333, part);
    expect(Buffer.from(part).equals(expected.subarray(333, 1333))).toBe(true);
  });

  it('does not undo a write of the whole block that comes while a part of it is written', async () => {
    const device = new Slow(SIZE);
    const access = new ByteAccess(device);
    const part = access.write(10, new Uint8Array(10).fill(1), {});
    const whole = access.write(0, new Uint8Array(512).fill(2), {});
    await Promise.all([part, whole]);
    expect(device.content.subarray(0, 512).every((byte) => byte === 2)).toBe(true);
  });

  it('goes on after a part that failed', async () => {
    const device = new Slow(SIZE, { readOnly: true });
    const access = new ByteAccess(device);
    await expect(access.write(1, new Uint8Array(1), {})).rejects.toMatchObject({ code: 'READ_ONLY' });
    await expect(access.write(0, new Uint8Array(512), {})).rejects.toMatchObject({ code: 'READ_ONLY' });
    await expect(access.write(2, new Uint8Array(1), {})).rejects.toMatchObject({ code: 'READ_ONLY' });
  });
});

describe('holes', () => {
  const device = Object.assign(new MemoryDevice(4096), {
    extents: (offset: number, length: number) => {
      const hole = offset >= 1024 && offset < 2048;
      const end = offset < 1024 ? 1024 : hole ? 2048 : 4096;
      return [{ length: Math.min(length, end - offset), hole, zero: hole }];
    },
  });

  it.each([
    [3, 0, 0],
    [3, 1100, 2048],
    [3, 2049, 2049],
    [4, 0, 1024],
    [4, 1100, 1100],
    [4, 2048, 4096],
    [3, 4096, undefined],
  ])('whence %i from %i', async (whence, from, expected) => {
    expect(await seek(device, 4096, from, whence)).toBe(expected);
  });
});
