import type { BlockDevice } from '../block/index.ts';
import { alignDown, alignUp } from '../units.ts';

/** Requests in pieces the device takes. */

/**
 * Reads `length` bytes at `offset`, which need not be multiples of the device's block size. The range must
 * lie inside the device.
 */
export async function readBytes(
  device: BlockDevice,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const block = device.limits.logicalBlockSize;
  const start = alignDown(offset, block);
  const buffer = new Uint8Array(alignUp(offset + length, block) - start);
  const step = alignDown(device.limits.maxIoSize, block);
  for (let at = 0; at < buffer.length; at += step) {
    await device.read(start + at, buffer.subarray(at, Math.min(at + step, buffer.length)));
  }
  return buffer.length === length ? buffer : buffer.slice(offset - start, offset - start + length);
}

/** Writes whole blocks. The buffer stays the caller's. */
export async function writeBytes(device: BlockDevice, offset: number, bytes: Uint8Array): Promise<void> {
  const step = alignDown(device.limits.maxIoSize, device.limits.logicalBlockSize);
  for (let at = 0; at < bytes.length; at += step) {
    await device.write(offset + at, bytes.subarray(at, Math.min(at + step, bytes.length)));
  }
}
