import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import { codeOf, expectBytes, pattern } from '../../suites/block-device.ts';

const block = (seed: number): Uint8Array => pattern(1024, seed);

async function device(): Promise<FaultDevice> {
  return FaultDevice.over(new MemoryDevice(pattern(8192, 99)));
}

describe('the fault device', () => {
  it('gives the content after every change', async () => {
    const fault = await device();
    const expected = [pattern(8192, 99)];
    for (const [index, at] of [0, 1024, 0, 4096].entries()) {
      await fault.write(at, block(index + 1));
      const next = expected.at(-1)!.slice();
      next.set(block(index + 1), at);
      expected.push(next);
    }
    await fault.writeZeroes(512, 512);
    expected.push(expected.at(-1)!.slice().fill(0, 512, 1024));
    expect(fault.changes).toBe(5);
    for (const [count, image] of expected.entries()) expectBytes(fault.imageAfter(count), image);
    expect(await codeOf(() => fault.imageAfter(6))).toBe('INVALID_ARGUMENT');
  });

  it('can lose what was not flushed, and only that', async () => {
    const fault = await device();
    await fault.write(0, block(1));
    await fault.flush();
    await fault.write(1024, block(2));
    await fault.write(2048, block(3), { fua: true });
    await fault.write(3072, block(4));
    const image = fault.imageAfter(4, { lose: () => true });
    const expected = pattern(8192, 99);
    expected.set(block(1), 0);
    expected.set(block(3), 2048);
    expectBytes(image, expected);
    expected.set(block(4), 3072);
    expectBytes(fault.imageAfter(4, { lose: (_change, index) => index < 3 }), expected);
    // Power went before the flush that follows the last change.
    await fault.flush();
    expectBytes(fault.imageAfter(4, { lose: () => true }), image);
    expectBytes(fault.imageAfter(1, { lose: () => true }), pattern(8192, 99));
    expectBytes(fault.imageAfter(2, { lose: () => true }).slice(0, 1024), block(1));
  });

  it('can tear the last write', async () => {
    const fault = await device();
    await fault.write(1024, block(7));
    const torn = fault.imageAfter(1, { tornSectors: 1 });
    const expected = pattern(8192, 99);
    expected.set(block(7).subarray(0, 512), 1024);
    expectBytes(torn, expected);
  });

  it('does not take a write for stable that was under way when the flush began', async () => {
    const memory = new MemoryDevice(8192);
    let finish: (() => void) | undefined;
    const slow = Object.assign(new MemoryDevice(8192), {
      write(offset: number, from: Uint8Array): Promise<void> {
        return new Promise((resolve) => {
          finish = () => {
            memory.write(offset, from);
            resolve();
          };
        });
      },
    });
    const fault = await FaultDevice.over(slow);
    const writing = fault.write(0, block(1));
    await fault.flush();
    finish!();
    await writing;
    await fault.writeZeroes(4096, 512);
    expectBytes(fault.imageAfter(2, { lose: (_change, index) => index === 0 }), new Uint8Array(8192));
  });

  it('fails the request it is told to', async () => {
    const fault = await device();
    fault.fail({ kind: 'write', after: 1, errno: 'ENOSPC' });
    fault.fail({ kind: 'read', offset: 2048, length: 1024, times: Number.POSITIVE_INFINITY });
    expect(await codeOf(() => fault.write(0, block(1)))).toBeUndefined();
    expect(await codeOf(() => fault.write(0, block(2)))).toBe('NO_SPACE');
    expect(await codeOf(() => fault.write(0, block(3)))).toBeUndefined();
    expect(await codeOf(() => fault.read(0, new Uint8Array(2048)))).toBeUndefined();
    expect(await codeOf(() => fault.read(1024, new Uint8Array(2048)))).toBe('IO_ERROR');
    expect(await codeOf(() => fault.read(2560, new Uint8Array(512)))).toBe('IO_ERROR');
    expect(fault.changes).toBe(2);
    fault.heal();
    expect(await codeOf(() => fault.read(2560, new Uint8Array(512)))).toBeUndefined();
  });

  it('cuts the power', async () => {
    const fault = await device();
    fault.cutPowerAfter(1);
    await fault.write(0, block(1));
    expect(await codeOf(() => fault.flush())).toBe('IO_ERROR');
    expect(await codeOf(() => fault.write(0, block(2)))).toBe('IO_ERROR');
    expect(await codeOf(() => fault.read(0, new Uint8Array(512)))).toBe('IO_ERROR');
    expectBytes(fault.imageAfter(1).slice(0, 1024), block(1));
  });
});
