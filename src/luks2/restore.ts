import type { BlockDevice } from '../block/index.ts';
import { TscryptError } from '../errors.ts';
import { alignDown } from '../units.ts';
import { readBytes, writeBytes } from './block-io.ts';
import { dataOffset, headerRegionSize, keyslotsStart, toNumber } from './geometry.ts';
import type { HeaderCopy, Luks2Header } from './header.ts';
import { decodeCopy, encodeCopy } from './header-copy.ts';
import { invalidateHeaders } from './invalidate.ts';
import { cloneJson } from './json.ts';
import { AREA_ALIGNMENT, MAX_KEYSLOTS_SIZE } from './ondisk.ts';
import { wipeZero } from './wipe.ts';
import { checkCurrent, encodeBoth, type HeaderBytes, nextHeader, writeCopies } from './write.ts';

/** What restoring a backup would mean; nothing has been written. */
export interface RestorePlan {
  /** The header in the backup, valid. */
  readonly backup: Luks2Header;
  /** The LUKS2 header on the device now, if there is a valid one. */
  readonly current: Luks2Header | undefined;
  /** The two have different UUIDs: ask before going on. */
  readonly uuidDiffers: boolean;
  /** What the header on the device says must not be ignored; replacing it may lose data. */
  readonly currentRequirements: readonly string[];
}

export interface RestoreOptions {
  /**
   * Where old and new key material cannot lie side by side, give up on keeping one key set whole: a power
   * cut may then leave no header at all, until the backup is restored again. Off unless given.
   */
  readonly inPlace?: boolean;
  /** The device holds the header only: what lies behind it is somebody else's. */
  readonly detached?: boolean;
}

/**
 * Replaces a whole header region without a moment at which no key set is whole.
 *
 * Old and new key material want the same place. New material that fits beside the old one is written where
 * it belongs. The rest goes to free room first, and an intermediate header, the backup's with those areas
 * moved, takes over; then nothing needs the old material any more, the moved areas are written to their
 * own places and the backup's own header takes over. Each step is stable before the next begins.
 */

interface Range {
  readonly start: number;
  readonly end: number;
}

interface BackupArea extends Range {
  readonly id: string;
}

const overlaps = (a: Range, b: Range) => a.start < b.end && b.start < a.end;

function areasOf(header: Luks2Header): BackupArea[] {
  return Object.entries(header.metadata.keyslots).map(([id, { area }]) => {
    const start = toNumber(area.offset, 'area.offset');
    return { id, start, end: start + toNumber(area.size, 'area.size') };
  });
}

export async function replaceHeaderRegion(
  device: BlockDevice,
  bytes: Uint8Array,
  { backup, current }: RestorePlan,
  { inPlace = false, detached = false }: RestoreOptions,
): Promise<void> {
  const final = finalCopies(backup, bytes);
  const content = (range: Range) => bytes.subarray(range.start, range.end);
  const areas = areasOf(backup);
  const put = async (list: readonly Range[]) => {
    for (const range of list) await writeBytes(device, range.start, content(range));
    await device.flush();
  };

  const room = detached ? headerRegionSize(backup) : roomEnd(backup);
  const moved = current && (await findMoves(device, bytes, backup, current, room));
  if (current && !moved && !inPlace) {
    throw new TscryptError(
      'NO_SPACE',
      'No room to keep old and new keyslots side by side during the restore.',
      {
        details: { structure: 'keyslots area', found: headerRegionSize(backup) },
        hint: 'Remove keyslots of the header on the device first, or restore without that safety.',
      },
    );
  }
  if (!current || !moved) {
    await invalidateHeaders(device, headerRegionSize(backup));
    await put([{ start: keyslotsStart(backup), end: headerRegionSize(backup) }]);
    await writeCopies(device, backup, final);
    return;
  }

  const order = await checkCurrent(device, current);
  const inTransit = areas.filter((area) => moved.has(area.id));
  const settled = areas.filter((area) => !moved.has(area.id));
  if (inTransit.length > 0) {
    const intermediate = nextHeader(device, relocate(backup, current, moved, room));
    const copies = encodeBoth(intermediate);
    for (const area of inTransit) await writeBytes(device, moved.get(area.id) ?? 0, content(area));
    await put(await differing(device, bytes, settled));
    await writeCopies(device, intermediate, copies, order);
    await put(inTransit);
    await writeCopies(device, backup, final);
  } else {
    await put(await differing(device, bytes, settled));
    await writeCopies(device, backup, final, order);
  }
  // What is left of the old key material, and the copies of the new one that served on the way.
  await put(complement(areas, { start: keyslotsStart(backup), end: headerRegionSize(backup) }));
  for (const area of inTransit) {
    const start = moved.get(area.id) ?? 0;
    if (start >= headerRegionSize(backup)) await wipeZero(device, start, area.end - area.start);
  }
  await device.flush();
}

/**
 * Both copies as the backup has them; one that is not the backup's newest valid header is made anew.
 */
function finalCopies(header: Luks2Header, bytes: Uint8Array): HeaderBytes {
  const copyOf = (copy: HeaderCopy, offset: number): Uint8Array => {
    const stored = bytes.subarray(offset, offset + header.hdrSize);
    try {
      if (decodeCopy(stored, copy, offset).seqid === header.seqid) return stored;
    } catch {
      // Damaged in the backup: made anew below.
    }
    return encodeCopy(header, copy);
  };
  return { primary: copyOf('primary', 0), secondary: copyOf('secondary', header.hdrSize) };
}

async function differing(
  device: BlockDevice,
  bytes: Uint8Array,
  areas: readonly BackupArea[],
): Promise<BackupArea[]> {
  const result: BackupArea[] = [];
  for (const area of areas) {
    const stored = await readBytes(device, area.start, area.end - area.start);
    if (Buffer.compare(stored, bytes.subarray(area.start, area.end)) !== 0) result.push(area);
  }
  return result;
}

/**
 * Where the room for areas ends while the intermediate header is in force: the slack before the data counts,
 * which the alignment of the data left. Only where header and data share a device.
 */
function roomEnd(header: Luks2Header): number {
  const slackEnd = Math.min(dataOffset(header), keyslotsStart(header) + MAX_KEYSLOTS_SIZE);
  return Math.max(headerRegionSize(header), alignDown(slackEnd, AREA_ALIGNMENT));
}

/**
 * The backup's areas whose place the old header needs, each with a free offset to lie at meanwhile;
 * `undefined` when there is not enough free room.
 */
async function findMoves(
  device: BlockDevice,
  bytes: Uint8Array,
  backup: Luks2Header,
  current: Luks2Header,
  room: number,
): Promise<Map<string, number> | undefined> {
  const old = areasOf(current);
  const blocked = (await differing(device, bytes, areasOf(backup)))
    .filter((area) => old.some((range) => overlaps(area, range)))
    .sort((a, b) => b.end - b.start - (a.end - a.start));
  const taken: Range[] = [...old, ...areasOf(backup)];
  const moves = new Map<string, number>();
  for (const area of blocked) {
    const start = firstGap(taken, keyslotsStart(backup), room, area.end - area.start);
    if (start === undefined) return undefined;
    moves.set(area.id, start);
    taken.push({ start, end: start + area.end - area.start });
  }
  return moves;
}

function firstGap(taken: readonly Range[], from: number, end: number, size: number): number | undefined {
  let start = from;
  for (const range of [...taken].sort((a, b) => a.start - b.start)) {
    if (range.start - start >= size) return start;
    start = Math.max(start, alignDown(range.end + AREA_ALIGNMENT - 1, AREA_ALIGNMENT));
  }
  return end - start >= size ? start : undefined;
}

/** The backup's header with some areas elsewhere, following on the device's own. */
function relocate(
  backup: Luks2Header,
  current: Luks2Header,
  moves: ReadonlyMap<string, number>,
  room: number,
): Luks2Header {
  const metadata = cloneJson(backup.metadata);
  for (const [id, offset] of moves) {
    const keyslot = metadata.keyslots[id];
    if (keyslot) keyslot.area.offset = String(offset);
  }
  metadata.config.keyslots_size = String(room - keyslotsStart(backup));
  return { ...backup, metadata, seqid: Math.max(backup.seqid, current.seqid) };
}

function complement(areas: readonly Range[], whole: Range): Range[] {
  const result: Range[] = [];
  let start = whole.start;
  for (const area of [...areas].sort((a, b) => a.start - b.start)) {
    if (area.start > start) result.push({ start, end: area.start });
    start = Math.max(start, area.end);
  }
  if (whole.end > start) result.push({ start, end: whole.end });
  return result;
}
