import { libc } from './ffi.ts';

/** Where buffers that never move begin; finding out takes longer than looking it up. */
const starts = new WeakMap<ArrayBufferLike, number>();

/**
 * The address of the first byte, for foreign functions and the kernel. The memory must be outside the JavaScript heap
 * (the arena, mappings, `Buffer.allocUnsafeSlow` of 128 bytes or more), since small arrays move; and the caller
 * keeps it referenced for as long as the address is in use.
 */
export function addressOf(bytes: Uint8Array): number {
  let start = starts.get(bytes.buffer);
  if (start === undefined) {
    const c = libc();
    if (!c) throw new Error('addressOf without foreign functions');
    start = c.address(bytes) - bytes.byteOffset;
    starts.set(bytes.buffer, start);
  }
  return start + bytes.byteOffset;
}
