import { libc } from './ffi.ts';

/** Numbers of capabilities (capabilities(7)). */
export const CAP_SYS_ADMIN = 21;

// capget(2): the header is a version and a thread, 0 for this one; the data three masks of 32 bits, twice.
const VERSION_3 = 0x2008_0522;
const DATA_SIZE = 24;
const MASKS_SIZE = 12;

/** Whether this thread has a capability in effect. */
export function hasCapability(capability: number): boolean {
  const data = capabilities();
  return data !== undefined && (word(data, capability) & bit(capability)) !== 0;
}

/** Does something while this thread is without a capability. Others are not affected. */
export function withoutCapability<T>(capability: number, operation: () => T): T {
  const before = capabilities();
  if (!before) return operation();
  const without = Buffer.from(before);
  without.writeUInt32LE((word(before, capability) & ~bit(capability)) >>> 0, place(capability));
  libc()?.capset(header(), without);
  try {
    return operation();
  } finally {
    libc()?.capset(header(), before);
  }
}

function capabilities(): Buffer | undefined {
  const data = Buffer.alloc(DATA_SIZE);
  return libc()?.capget(header(), data) === 0 ? data : undefined;
}

function header(): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(VERSION_3, 0);
  return bytes;
}

/** The effective capabilities come first in each half. */
function place(capability: number): number {
  return (capability >> 5) * MASKS_SIZE;
}

function word(data: Buffer, capability: number): number {
  return data.readUInt32LE(place(capability));
}

function bit(capability: number): number {
  return 1 << (capability & 31);
}
