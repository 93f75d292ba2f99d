import { isDeepStrictEqual } from 'node:util';
import type { BlockDevice } from '../block/index.ts';
import { TscryptError } from '../errors.ts';
import { readBytes } from './block-io.ts';
import { foreignSignature } from './foreign-signature.ts';
import { headerRegionSize } from './geometry.ts';
import type { HeaderCopy, Luks2Header } from './header.ts';
import { decodeBinaryHeader, decodeCopy } from './header-copy.ts';
import { BINARY_HEADER_SIZE, HEADER_SIZES } from './ondisk.ts';

/** What the two copies on a device look like. */
export interface HeaderState {
  /** The newest valid header. */
  readonly header: Luks2Header;
  /** Copies that are missing, damaged, or older than `header`: `recoverHeader` rewrites them. */
  readonly repair: readonly HeaderCopy[];
}

/** A copy that is valid, or why it is not. */
type Found = { readonly header: Luks2Header } | { readonly error: TscryptError; readonly hdrSize?: number };

/**
 * Reads both copies and chooses the newest valid one. Never writes.
 *
 * The secondary copy lies where the primary says; with a primary that cannot be believed it is looked for
 * at every offset the format allows (specification, section 2.1 and 2.4).
 *
 * @throws TscryptError NOT_RECOGNISED there is no LUKS2 header at all; INVALID_FORMAT there is one, but no
 *   copy is valid, or something else lies where the primary should; DEVICE_TOO_SMALL the device ends before
 *   the keyslots area does
 */
export async function examineHeader(device: BlockDevice): Promise<HeaderState> {
  const primary = await readCopy(device, 'primary', 0);
  const secondary = await findSecondary(device, primary);
  const state = choose(primary, secondary);
  if ('error' in primary && primary.error.code === 'NOT_RECOGNISED') await checkAmbiguity(device);
  const needed = headerRegionSize(state.header);
  if (device.size < needed) {
    throw new TscryptError('DEVICE_TOO_SMALL', `${device.name} ends inside its LUKS2 header.`, {
      details: { device: device.name, expected: needed, found: device.size },
    });
  }
  return state;
}

/**
 * A secondary copy outlives the formatting of the device with something else. To believe it would be to
 * repair the primary one, over somebody's data.
 */
async function checkAmbiguity(device: BlockDevice): Promise<void> {
  const found = await foreignSignature(device);
  if (found === undefined) return;
  throw new TscryptError(
    'INVALID_FORMAT',
    'Device contains ambiguous signatures, cannot auto-recover LUKS2.',
    {
      details: { device: device.name, structure: 'luks2_hdr_disk', field: 'magic', found },
      hint: `It looks like ${found}. If it is LUKS2 all the same, restore its header from a backup.`,
    },
  );
}

/** The header of {@link examineHeader}. */
export async function readHeader(device: BlockDevice): Promise<Luks2Header> {
  return (await examineHeader(device)).header;
}

/** Whether the device carries a LUKS2 header that can be read; errors of the device itself pass through. */
export async function isLuks2(device: BlockDevice): Promise<boolean> {
  try {
    await examineHeader(device);
    return true;
  } catch (error) {
    if (isFormatError(error)) return false;
    throw error;
  }
}

export function isFormatError(error: unknown): boolean {
  return (
    error instanceof TscryptError &&
    (error.code === 'NOT_RECOGNISED' || error.code === 'INVALID_FORMAT' || error.code === 'DEVICE_TOO_SMALL')
  );
}

function choose(primary: Found, secondary: Found): HeaderState {
  if ('header' in primary && 'header' in secondary) {
    if (primary.header.seqid === secondary.header.seqid) {
      const same = isDeepStrictEqual(primary.header, secondary.header);
      return { header: primary.header, repair: same ? [] : ['secondary'] };
    }
    return primary.header.seqid > secondary.header.seqid
      ? { header: primary.header, repair: ['secondary'] }
      : { header: secondary.header, repair: ['primary'] };
  }
  if ('header' in primary) return { header: primary.header, repair: ['secondary'] };
  if ('header' in secondary) return { header: secondary.header, repair: ['primary'] };
  throw primary.error.code === 'NOT_RECOGNISED' ? secondary.error : primary.error;
}

async function findSecondary(device: BlockDevice, primary: Found): Promise<Found> {
  if ('header' in primary) return readCopy(device, 'secondary', primary.header.hdrSize);
  let first: Found | undefined;
  // The place a damaged primary names comes first, so that an old header elsewhere is never preferred.
  const named = primary.hdrSize === undefined ? [] : [primary.hdrSize];
  for (const offset of new Set([...named, ...HEADER_SIZES])) {
    const found = await readCopy(device, 'secondary', offset);
    if ('header' in found) return found;
    if (!first || ('error' in first && first.error.code === 'NOT_RECOGNISED')) first = found;
  }
  return first ?? primary;
}

async function readCopy(device: BlockDevice, copy: HeaderCopy, offset: number): Promise<Found> {
  let hdrSize: number | undefined;
  try {
    checkRoom(device, offset, BINARY_HEADER_SIZE, 'NOT_RECOGNISED');
    const binary = decodeBinaryHeader(await readBytes(device, offset, BINARY_HEADER_SIZE), copy, offset);
    hdrSize = binary.hdr_size;
    checkRoom(device, offset, hdrSize, 'INVALID_FORMAT');
    return { header: decodeCopy(await readBytes(device, offset, hdrSize), copy, offset) };
  } catch (error) {
    if (!(error instanceof TscryptError) || !isFormatError(error)) throw error;
    return hdrSize === undefined ? { error } : { error, hdrSize };
  }
}

function checkRoom(
  device: BlockDevice,
  offset: number,
  length: number,
  code: 'NOT_RECOGNISED' | 'INVALID_FORMAT',
): void {
  if (offset + length <= device.size) return;
  throw new TscryptError(code, `${device.name} ends before a LUKS2 header at ${offset} does.`, {
    details: { device: device.name, structure: 'luks2_hdr_disk', offset, expected: length },
  });
}
