import type { BlockDevice } from '../block/index.ts';
import { randomFill } from '../crypto/index.ts';
import { alignDown, MIB } from '../units.ts';
import { writeBytes } from './block-io.ts';

/** Overwrites a range with random bytes, as key material looks, and as the stock tools do. */
export async function wipeRandom(device: BlockDevice, offset: number, length: number): Promise<void> {
  const buffer = new Uint8Array(Math.min(length, MIB));
  for (let at = 0; at < length; at += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, length - at));
    await writeBytes(device, offset + at, randomFill(piece));
  }
}

/** Overwrites a range with zeroes that are really stored. */
export async function wipeZero(device: BlockDevice, offset: number, length: number): Promise<void> {
  const step = alignDown(device.limits.maxIoSize, device.limits.logicalBlockSize);
  for (let at = 0; at < length; at += step) {
    await device.writeZeroes(offset + at, Math.min(step, length - at), { noHole: true });
  }
}
