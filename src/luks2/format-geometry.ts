import { TscryptError } from '../errors.ts';
import { alignDown, alignUp, MIB, SECTOR_SIZE } from '../units.ts';
import { areaSize } from './geometry.ts';
import { AREA_ALIGNMENT, HEADER_SIZES, MAX_KEYSLOTS_SIZE } from './ondisk.ts';

/** Sizes and offsets of a new volume, bytes. */
export interface FormatGeometry {
  /** One header copy. */
  readonly metadataSize: number;
  readonly keyslotsSize: number;
  /** Where the data starts; 0 with a header on a device of its own. */
  readonly dataOffset: number;
}

export interface GeometryParams {
  readonly metadataSize?: number | undefined;
  readonly keyslotsSize?: number | undefined;
  readonly detached?: boolean | undefined;
  /** Sectors. */
  readonly dataOffset?: number | undefined;
  /** Sectors. */
  readonly alignPayload?: number | undefined;
}

/** Both header copies and the keyslots area together, unless sizes are given. */
const DEFAULT_HEADER_REGION = 16 * MIB;
const DEFAULT_METADATA_SIZE = HEADER_SIZES[0] ?? 0;
const DEFAULT_ALIGNMENT = MIB;

/**
 * Lays a new volume out as the stock tools do:
 * - the header region is 16 MiB, and data starts at the next multiple of the alignment (1 MiB);
 * - a data offset takes precedence: the keyslots area fills the room before it, or as much of it as asked for;
 * - with a header of its own, data starts at 0; an alignment then counts as a data offset.
 *
 * @throws TscryptError INVALID_ARGUMENT
 */
export function planGeometry(params: GeometryParams): FormatGeometry {
  const metadataSize = params.metadataSize ?? DEFAULT_METADATA_SIZE;
  if (!HEADER_SIZES.includes(metadataSize)) throw wrong('metadataSize', metadataSize, 'is no header size');
  checkKeyslotsSize(params.keyslotsSize);
  checkSectors('dataOffset', params.dataOffset);
  checkSectors('alignPayload', params.alignPayload);
  if (params.dataOffset !== undefined && params.alignPayload !== undefined)
    throw wrong('alignPayload', params.alignPayload, 'does not go with a data offset');
  const offset = fixedOffset(params);
  if (offset !== undefined) return beforeOffset(params, metadataSize, offset);
  const keyslotsSize =
    params.keyslotsSize ?? Math.min(DEFAULT_HEADER_REGION - 2 * metadataSize, MAX_KEYSLOTS_SIZE);
  const alignment = params.alignPayload ? params.alignPayload * SECTOR_SIZE : DEFAULT_ALIGNMENT;
  const dataOffset = params.detached ? 0 : alignUp(2 * metadataSize + keyslotsSize, alignment);
  return { metadataSize, keyslotsSize, dataOffset };
}

/** Where the data has to start, bytes; `undefined` where it follows from the header's size. */
function fixedOffset(params: GeometryParams): number | undefined {
  const sectors = params.dataOffset ?? (params.detached ? params.alignPayload : undefined);
  return sectors ? sectors * SECTOR_SIZE : undefined;
}

function beforeOffset(params: GeometryParams, metadataSize: number, dataOffset: number): FormatGeometry {
  if (dataOffset % AREA_ALIGNMENT !== 0)
    throw wrong('dataOffset', dataOffset / SECTOR_SIZE, 'is no multiple of 4096 bytes');
  const room = alignDown(dataOffset - 2 * metadataSize, AREA_ALIGNMENT);
  const keyslotsSize = Math.min(params.keyslotsSize ?? MAX_KEYSLOTS_SIZE, room, MAX_KEYSLOTS_SIZE);
  // Less than this holds no key of any cipher.
  if (keyslotsSize < areaSize(16)) throw wrong('dataOffset', dataOffset / SECTOR_SIZE, 'is too small');
  return { metadataSize, keyslotsSize, dataOffset };
}

function checkKeyslotsSize(size: number | undefined): void {
  if (size === undefined) return;
  if (!Number.isInteger(size) || size <= 0 || size % AREA_ALIGNMENT !== 0 || size > MAX_KEYSLOTS_SIZE)
    throw wrong('keyslotsSize', size, 'must be a multiple of 4096, at most 128 MiB');
}

function checkSectors(field: string, sectors: number | undefined): void {
  if (sectors === undefined) return;
  if (!Number.isInteger(sectors) || sectors < 0 || !Number.isSafeInteger(sectors * SECTOR_SIZE))
    throw wrong(field, sectors, 'is no number of sectors');
}

function wrong(field: string, found: number, message: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `LUKS2 format: ${field} ${found} ${message}.`, {
    details: { field, found },
  });
}
