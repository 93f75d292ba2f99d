import { isNullCipher, parseCipherSpec, Secret } from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import type { TableArg, TableLine, TableSpec } from '../table/spec.ts';
import { SECTOR_SIZE } from '../units.ts';
import { isPersistentFlag, PERSISTENT_FLAGS, type PersistentFlag } from './config.ts';
import { toNumber } from './geometry.ts';
import type { Luks2Header } from './header.ts';
import type { CryptSegment, Segment } from './metadata.ts';
import { checkRequirements } from './requirements.ts';
import { isCryptSegment, regularSegments, volumeDigests } from './segments.ts';

export interface CryptTableOptions {
  /** The data device as the table shall name it. */
  readonly device: string;
  /** Bytes of the data device; the last segment may be `dynamic`. */
  readonly dataSize: number;
  /** Borrowed: the table holds copies of its own, one a line, which are the caller's to dispose of. */
  readonly volumeKey: Secret;
  /** Flags besides those the header makes persistent. */
  readonly flags?: readonly PersistentFlag[];
}

/** Flags that are options of the crypt target, in the order the stock tools print them. */
const CRYPT_OPTIONS: Readonly<Partial<Record<PersistentFlag, string>>> = {
  'allow-discards': 'allow_discards',
  'same-cpu-crypt': 'same_cpu_crypt',
  'submit-from-crypt-cpus': 'submit_from_crypt_cpus',
  'no-read-workqueue': 'no_read_workqueue',
  'no-write-workqueue': 'no_write_workqueue',
  'high-priority': 'high_priority',
};

/** The activation flags the header makes persistent; names unknown here are left out. */
export function persistentFlags(header: Luks2Header): PersistentFlag[] {
  return (header.metadata.config.flags ?? []).filter(isPersistentFlag);
}

/**
 * The device-mapper table of the volume: one line a segment. A LUKS2 volume counts its IVs in 512-byte
 * sectors whatever its sector size is, so `iv_large_sectors` never appears.
 *
 * @throws TscryptError REQUIREMENT_UNMET; NOT_SUPPORTED (integrity, a kind of segment without a table, or segments
 *   under different keys);
 *   DEVICE_TOO_SMALL; INVALID_ARGUMENT (no cipher specification; the device is no multiple of the sector size)
 */
export function cryptTable(header: Luks2Header, options: CryptTableOptions): TableSpec {
  checkRequirements(header);
  const flags = new Set<PersistentFlag>([...persistentFlags(header), ...(options.flags ?? [])]);
  // All is checked before the first copy of the key is made.
  checkOneKey(header);
  const segments = regularSegments(header).map(([id, segment]) => place(id, segment, options.dataSize));
  const table: TableLine[] = [];
  let start = 0;
  for (const { segment, offset, length } of segments) {
    const target = isCryptSegment(segment)
      ? { type: 'crypt', args: cryptArgs(segment, offset, options, flags) }
      : { type: 'linear', args: [options.device, String(offset)] };
    table.push({ start, length, ...target });
    start += length;
  }
  return table;
}

/** The key that opens the volume is that of its first segment; others must not be written with it. */
function checkOneKey(header: Luks2Header): void {
  const { digests } = header.metadata;
  const covered = volumeDigests(header.metadata).flatMap((id) => digests[id]?.segments ?? []);
  for (const [id, segment] of regularSegments(header)) {
    if (!isCryptSegment(segment) || covered.includes(id)) continue;
    throw new TscryptError(
      'NOT_SUPPORTED',
      `Segment ${id} is encrypted with another key than the volume's.`,
      {
        details: { segment: id },
      },
    );
  }
}

/** Where a segment lies on the data device, sectors. */
function place(
  id: string,
  segment: Segment,
  dataSize: number,
): { segment: Segment; offset: number; length: number } {
  if (segment.type !== 'linear' && (!isCryptSegment(segment) || segment.integrity !== undefined)) {
    const kind = isCryptSegment(segment) ? 'crypt with integrity' : segment.type;
    throw new TscryptError('NOT_SUPPORTED', `Segment ${id} of type ${kind} is not supported.`, {
      details: { segment: id, type: segment.type },
    });
  }
  const offset = toNumber(segment.offset, `segments.${id}.offset`);
  const dynamic = segment.size === 'dynamic';
  const size = dynamic ? dataSize - offset : toNumber(segment.size, `segments.${id}.size`);
  if (size <= 0 || offset + size > dataSize) {
    throw new TscryptError('DEVICE_TOO_SMALL', 'The device is too small for its segments.', {
      details: { segment: id, expected: offset + Math.max(size, SECTOR_SIZE), found: dataSize },
    });
  }
  if (isCryptSegment(segment)) parseCipherSpec(segment.encryption);
  const unit = isCryptSegment(segment) ? segment.sector_size : SECTOR_SIZE;
  if (size % unit !== 0) {
    throw new TscryptError('INVALID_ARGUMENT', 'Device size is not a multiple of the volume sector size.', {
      details: { segment: id, expected: unit, found: size },
    });
  }
  return { segment, offset: offset / SECTOR_SIZE, length: size / SECTOR_SIZE };
}

function cryptArgs(
  segment: CryptSegment,
  offset: number,
  options: CryptTableOptions,
  flags: ReadonlySet<PersistentFlag>,
): TableArg[] {
  const optional = PERSISTENT_FLAGS.flatMap((flag) => (flags.has(flag) && CRYPT_OPTIONS[flag]) || []);
  if (segment.sector_size !== SECTOR_SIZE) optional.push(`sector_size:${segment.sector_size}`);
  return [
    segment.encryption,
    // A volume that encrypts nothing has a key all the same; the target takes none.
    isNullCipher(parseCipherSpec(segment.encryption)) ? '-' : Secret.copy(options.volumeKey.bytes),
    segment.iv_tweak,
    options.device,
    String(offset),
    ...(optional.length > 0 ? [String(optional.length), ...optional] : []),
  ];
}
