import { TscryptError } from '../errors.ts';
import type { BlockDevice } from './device.ts';

/**
 * The argument checks every {@link BlockDevice} makes before it does anything, so that all refuse the
 * same requests with the same codes.
 */
type Checked = Pick<BlockDevice, 'name' | 'size' | 'readOnly' | 'limits'>;

/** @throws TscryptError INVALID_ARGUMENT when the range is misaligned or not wholly inside the device */
export function checkRead(device: Checked, offset: number, length: number): void {
  if (!isAligned(device, offset, length)) throw misaligned(device, offset, length);
  if (length > device.size - offset) throw outside(device, 'INVALID_ARGUMENT', offset, length);
}

/**
 * For write, discard and writeZeroes alike.
 *
 * @throws TscryptError READ_ONLY; INVALID_ARGUMENT when misaligned; NO_SPACE when past the end
 */
export function checkWrite(device: Checked, offset: number, length: number): void {
  if (device.readOnly) {
    throw new TscryptError('READ_ONLY', `Device ${device.name} is read-only.`, {
      details: { device: device.name, offset, length },
    });
  }
  if (!isAligned(device, offset, length)) throw misaligned(device, offset, length);
  if (length > device.size - offset) throw outside(device, 'NO_SPACE', offset, length);
}

/** What a request after close fails with. */
export function closedError(name: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `Device ${name} is closed.`, {
    errno: 'EBADF',
    details: { device: name },
  });
}

function isAligned(device: Checked, offset: number, length: number): boolean {
  const unit = device.limits.logicalBlockSize;
  // `%` of NaN, infinities and fractions is never 0, so those are refused too.
  return (
    offset >= 0 && length >= 0 && offset % unit === 0 && length % unit === 0 && offset + length <= MAX_OFFSET
  );
}

const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

function misaligned(device: Checked, offset: number, length: number): TscryptError {
  const unit = device.limits.logicalBlockSize;
  return new TscryptError(
    'INVALID_ARGUMENT',
    `Request at ${offset} of ${length} bytes to ${device.name} is not made of whole ${unit}-byte blocks.`,
    { details: { device: device.name, offset, length, logicalBlockSize: unit } },
  );
}

function outside(
  device: Checked,
  code: 'INVALID_ARGUMENT' | 'NO_SPACE',
  offset: number,
  length: number,
): TscryptError {
  return new TscryptError(
    code,
    `Request at ${offset} of ${length} bytes is past the end of ${device.name} (${device.size} bytes).`,
    { details: { device: device.name, offset, length, size: device.size } },
  );
}
