import { TscryptError } from '../errors.ts';
import { alignUp, SECTOR_SIZE } from '../units.ts';
import type { Luks2Header } from './header.ts';
import { AF_STRIPES, AREA_ALIGNMENT } from './ondisk.ts';
import { isBackup } from './validate.ts';

/** Where things lie on the header's device. Bytes. */

/**
 * A 64-bit member as a number to count with.
 *
 * @throws TscryptError NOT_SUPPORTED above 2^53−1: no device is that large
 */
export function toNumber(text: string, field: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new TscryptError(
    'NOT_SUPPORTED',
    `LUKS2 metadata: ${field}: ${text} is out of this program's range.`,
    {
      details: { structure: 'LUKS2 JSON', field, found: text },
    },
  );
}

/** Start of the keyslots area: behind both copies. */
export function keyslotsStart(header: Luks2Header): number {
  return 2 * header.hdrSize;
}

export function keyslotsSize(header: Luks2Header): number {
  return toNumber(header.metadata.config.keyslots_size, 'config.keyslots_size');
}

/** Both copies and the keyslots area: everything a header backup holds. */
export function headerRegionSize(header: Luks2Header): number {
  return keyslotsStart(header) + keyslotsSize(header);
}

/** Where the data starts; 0 when the header has a device of its own. */
export function dataOffset(header: Luks2Header): number {
  const offsets = Object.values(header.metadata.segments)
    .filter((segment) => !isBackup(segment))
    .map((segment) => toNumber(segment.offset, 'segments.offset'));
  return Math.min(...offsets);
}

/** Bytes of split key material, in whole sectors, as it is encrypted. */
export function materialSize(keySize: number): number {
  return alignUp(keySize * AF_STRIPES, SECTOR_SIZE);
}

/** Bytes of the area that a key of `keySize` bytes takes. */
export function areaSize(keySize: number): number {
  return alignUp(keySize * AF_STRIPES, AREA_ALIGNMENT);
}

/**
 * The offset for a new area of `size` bytes: the start of the smallest gap that holds it, the first of
 * equals; `undefined` when there is none.
 */
export function findArea(header: Luks2Header, size: number): number | undefined {
  const used = Object.values(header.metadata.keyslots)
    .map(({ area }) => {
      const offset = toNumber(area.offset, 'area.offset');
      return { start: offset, end: alignUp(offset + toNumber(area.size, 'area.size'), AREA_ALIGNMENT) };
    })
    .sort((a, b) => a.start - b.start);
  const end = headerRegionSize(header);
  let best: { start: number; length: number } | undefined;
  let start = keyslotsStart(header);
  for (const area of [...used, { start: end, end }]) {
    const length = area.start - start;
    if (length >= size && (!best || length < best.length)) best = { start, length };
    start = Math.max(start, area.end);
  }
  return best?.start;
}
