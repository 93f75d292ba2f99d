import type { BlockDevice } from '../block/index.ts';
import { TscryptError } from '../errors.ts';
import { writeBytes } from './block-io.ts';
import { headerRegionSize } from './geometry.ts';
import type { HeaderCopy, Luks2Header } from './header.ts';
import { encodeCopy } from './header-copy.ts';
import { examineHeader, isFormatError } from './read.ts';

/**
 * Writes both copies atomically: sequence number + 1, a new salt each; secondary, flush, primary, flush. At
 * every moment one copy on the device is whole.
 *
 * Everything is checked before the first write. Where only one copy on the device is good, or a power cut
 * left the two different, the other one is written first.
 *
 * @returns the header as it is on the device now
 * @throws TscryptError INVALID_FORMAT (the header breaks a rule), NO_SPACE (its JSON does not fit),
 *   DEVICE_BUSY (somebody else has changed the header since it was read), DEVICE_TOO_SMALL, READ_ONLY
 */
export async function writeHeader(device: BlockDevice, header: Luks2Header): Promise<Luks2Header> {
  const next = nextHeader(device, header);
  const copies = encodeBoth(next);
  const order = await checkCurrent(device, header);
  await writeCopies(device, next, copies, order);
  return next;
}

/**
 * The same header with the next sequence number.
 *
 * @throws TscryptError READ_ONLY, DEVICE_TOO_SMALL, INVALID_FORMAT (no numbers left)
 */
export function nextHeader(device: BlockDevice, header: Luks2Header): Luks2Header {
  checkWritable(device, header);
  if (!Number.isSafeInteger(header.seqid + 1)) {
    throw new TscryptError('INVALID_FORMAT', 'The sequence number of the LUKS2 header is at its end.', {
      details: { structure: 'luks2_hdr_disk', field: 'seqid', found: header.seqid },
    });
  }
  return { ...header, seqid: header.seqid + 1 };
}

/** Bytes of both copies, so that whatever may fail fails before the first write. */
export function encodeBoth(header: Luks2Header): HeaderBytes {
  return { primary: encodeCopy(header, 'primary'), secondary: encodeCopy(header, 'secondary') };
}

export type HeaderBytes = Readonly<Record<HeaderCopy, Uint8Array>>;

/** Writes one copy after the other, each stable before the next is touched. */
export async function writeCopies(
  device: BlockDevice,
  header: Luks2Header,
  copies: HeaderBytes,
  order: readonly HeaderCopy[] = ['secondary', 'primary'],
): Promise<void> {
  for (const copy of order) {
    await writeBytes(device, offsetOf(copy, header), copies[copy]);
    await device.flush();
  }
}

export function offsetOf(copy: HeaderCopy, header: Luks2Header): number {
  return copy === 'primary' ? 0 : header.hdrSize;
}

export function checkWritable(device: BlockDevice, header: Luks2Header): void {
  if (device.readOnly) {
    throw new TscryptError('READ_ONLY', `${device.name} is read-only.`, { details: { device: device.name } });
  }
  const needed = headerRegionSize(header);
  if (device.size < needed) {
    throw new TscryptError('DEVICE_TOO_SMALL', `${device.name} has no room for its LUKS2 header.`, {
      details: { device: device.name, expected: needed, found: device.size },
    });
  }
}

/**
 * Makes sure that nobody has changed the header on the device since `header` was read.
 *
 * @returns the order of writing that never overwrites the only good copy first
 * @throws TscryptError DEVICE_BUSY
 */
export async function checkCurrent(device: BlockDevice, header: Luks2Header): Promise<HeaderCopy[]> {
  try {
    const { header: current, repair } = await examineHeader(device);
    if (current.seqid !== header.seqid) {
      throw new TscryptError('DEVICE_BUSY', `The LUKS2 header on ${device.name} was changed meanwhile.`, {
        details: { device: device.name, field: 'seqid', expected: header.seqid, found: current.seqid },
      });
    }
    return repair.includes('primary') ? ['primary', 'secondary'] : ['secondary', 'primary'];
  } catch (error) {
    if (isFormatError(error)) return ['secondary', 'primary'];
    throw error;
  }
}
