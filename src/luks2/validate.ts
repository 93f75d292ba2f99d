import { TscryptError } from '../errors.ts';
import { SECTOR_SIZE } from '../units.ts';
import type { CryptSegment, Luks2Keyslot, Metadata, Segment } from './metadata.ts';
import { AF_STRIPES, AREA_ALIGNMENT, BINARY_HEADER_SIZE, MAX_KEYSLOTS_SIZE } from './ondisk.ts';
import { checkShape, parseUint64 } from './schema.ts';

/**
 * The rules between the members of the metadata (specification, section 3, and what the stock tools
 * enforce beyond it). Arithmetic is done in bigint: a header may hold any 64-bit number.
 */

const SECTOR = BigInt(SECTOR_SIZE);
const SECTOR_SIZES = [512, 1024, 2048, 4096];

/**
 * `value` itself, known to be valid LUKS2 metadata for a header of `hdrSize` bytes a copy.
 *
 * @throws TscryptError INVALID_FORMAT naming the first rule it breaks
 */
export function validateMetadata(value: unknown, hdrSize: number): Metadata {
  const metadata = checkShape(value);
  checkConfig(metadata, hdrSize);
  checkReferences(metadata);
  checkSegments(metadata);
  checkAreas(metadata);
  checkKeyslots(metadata);
  return metadata;
}

function invalid(field: string, message: string): TscryptError {
  return new TscryptError('INVALID_FORMAT', `LUKS2 metadata: ${field}: ${message}.`, {
    details: { structure: 'LUKS2 JSON', field },
  });
}

/** The number in a member whose text the schema has checked. */
function uint64(text: string): bigint {
  return parseUint64(text) ?? 0n;
}

function checkConfig(metadata: Metadata, hdrSize: number): void {
  const { json_size, keyslots_size } = metadata.config;
  if (uint64(json_size) !== BigInt(hdrSize - BINARY_HEADER_SIZE))
    throw invalid('config.json_size', 'differs from the binary header');
  const keyslotsSize = uint64(keyslots_size);
  if (keyslotsSize > MAX_KEYSLOTS_SIZE || keyslotsSize % BigInt(AREA_ALIGNMENT) !== 0n)
    throw invalid('config.keyslots_size', 'is too large or no multiple of 4096');
  // Data at offset 0 means a header on a device of its own; else data must start behind the header.
  const headerEnd = 2n * BigInt(hdrSize) + keyslotsSize;
  const offsets = Object.values(metadata.segments)
    .filter((segment) => !isBackup(segment))
    .map((segment) => uint64(segment.offset));
  if (!offsets.includes(0n) && offsets.some((offset) => offset < headerEnd))
    throw invalid('config.keyslots_size', 'the keyslots area reaches into the data');
}

function checkReferences(metadata: Metadata): void {
  const { keyslots, segments, digests, tokens } = metadata;
  const check = (field: string, ids: readonly string[], there: object) => {
    const missing = ids.find((id) => !Object.hasOwn(there, id));
    if (missing !== undefined) throw invalid(field, `"${missing}" does not exist`);
  };
  for (const [id, token] of Object.entries(tokens)) check(`tokens.${id}.keyslots`, token.keyslots, keyslots);
  for (const [id, digest] of Object.entries(digests)) {
    check(`digests.${id}.keyslots`, digest.keyslots, keyslots);
    check(`digests.${id}.segments`, digest.segments, segments);
  }
}

/** Backups of segments (reencryption keeps them) lie behind the regular ones and are not mapped. */
export function isBackup(segment: Segment): boolean {
  return segment.flags?.some((flag) => flag.startsWith('backup-')) ?? false;
}

function checkSegments(metadata: Metadata): void {
  const count = Object.keys(metadata.segments).length;
  if (count === 0) throw invalid('segments', 'is empty');
  const regular: { id: number; start: bigint; end: bigint | undefined }[] = [];
  let backups = false;
  for (let id = 0; id < count; id++) {
    const segment = metadata.segments[id];
    if (!segment) throw invalid(`segments.${id}`, 'is missing between the others');
    checkSegment(`segments.${id}`, segment);
    if (segment.type === 'crypt') {
      const bound = Object.values(metadata.digests).some((digest) => digest.segments.includes(String(id)));
      if (!bound) throw invalid(`segments.${id}`, 'no digest belongs to it');
    }
    if (isBackup(segment)) {
      backups = true;
      continue;
    }
    if (backups) throw invalid(`segments.${id}`, 'a regular segment behind a backup segment');
    const start = uint64(segment.offset);
    regular.push({ id, start, end: segment.size === 'dynamic' ? undefined : start + uint64(segment.size) });
  }
  if (regular.length === 0) throw invalid('segments', 'has backup segments only');
  checkIntervals(regular);
}

function checkSegment(field: string, segment: Segment): void {
  const size = segment.size === 'dynamic' ? undefined : uint64(segment.size);
  if (uint64(segment.offset) % SECTOR !== 0n) throw invalid(`${field}.offset`, 'is no multiple of 512');
  if (size === 0n) throw invalid(`${field}.size`, 'is zero');
  if (size !== undefined && size % SECTOR !== 0n) throw invalid(`${field}.size`, 'is no multiple of 512');
  if (segment.type !== 'crypt') return;
  const sectorSize = (segment as CryptSegment).sector_size;
  if (!SECTOR_SIZES.includes(sectorSize)) throw invalid(`${field}.sector_size`, `${sectorSize} is none`);
  if (size !== undefined && size % BigInt(sectorSize) !== 0n)
    throw invalid(`${field}.size`, 'is no multiple of the sector size');
}

function checkIntervals(segments: readonly { id: number; start: bigint; end: bigint | undefined }[]): void {
  for (const segment of segments) {
    const last = segment === segments.at(-1);
    if (segment.end === undefined && !last)
      throw invalid(`segments.${segment.id}.size`, 'only the last segment may be dynamic');
    for (const other of segments) {
      if (other === segment || segment.start < other.start) continue;
      if (other.end === undefined || segment.start < other.end)
        throw invalid(`segments.${segment.id}`, `overlaps segment ${other.id}`);
    }
  }
}

function checkAreas(metadata: Metadata): void {
  const start = 2n * (uint64(metadata.config.json_size) + BigInt(BINARY_HEADER_SIZE));
  const end = start + uint64(metadata.config.keyslots_size);
  const areas = Object.entries(metadata.keyslots).map(([id, { area }]) => {
    const offset = uint64(area.offset);
    return { id, offset, size: uint64(area.size), end: offset + uint64(area.size) };
  });
  for (const area of areas) {
    const field = `keyslots.${area.id}.area`;
    if (area.size === 0n) throw invalid(field, 'is empty');
    if (area.offset < start || area.end > end) throw invalid(field, 'is not inside the keyslots area');
    const other = areas.find((o) => o !== area && o.offset < area.end && area.offset < o.end);
    if (other) throw invalid(field, `overlaps that of keyslot ${other.id}`);
  }
}

function checkKeyslots(metadata: Metadata): void {
  for (const [id, keyslot] of Object.entries(metadata.keyslots)) {
    if (keyslot.type !== 'luks2') continue;
    const field = `keyslots.${id}`;
    const { af, area } = keyslot as Luks2Keyslot;
    if (af.stripes !== AF_STRIPES) throw invalid(`${field}.af.stripes`, `must be ${AF_STRIPES}`);
    if (BigInt(keyslot.key_size) * BigInt(AF_STRIPES) > uint64(area.size))
      throw invalid(`${field}.area.size`, 'is too small for the key');
    if (!Object.values(metadata.digests).some((digest) => digest.keyslots.includes(id)))
      throw invalid(field, 'no digest belongs to it');
  }
}
