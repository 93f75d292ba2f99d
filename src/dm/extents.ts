import type { BlockDevice, Extent } from '../block/device.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { LoadedTable } from './loaded-table.ts';

/** The extents of a range that may cross targets. Ends where a target stops early. */
export function collectExtents(table: LoadedTable, offset: number, length: number): MaybePromise<Extent[]> {
  const extents: Extent[] = [];
  let done = 0;
  while (done < length) {
    const placed = table.find(offset + done);
    const at = offset + done - placed.start;
    const part = Math.min(placed.end - placed.start - at, length - done);
    const found = placed.target.extents?.(at, part) ?? [allocated(part)];
    if (found instanceof Promise) return collectRest(table, offset, length, extents, done, part, found);
    if (append(extents, found, part) < part) return extents;
    done += part;
  }
  return extents;
}

async function collectRest(
  table: LoadedTable,
  offset: number,
  length: number,
  extents: Extent[],
  done: number,
  part: number,
  found: Promise<Extent[]>,
): Promise<Extent[]> {
  if (append(extents, await found, part) < part || done + part === length) return extents;
  for (const extent of await collectExtents(table, offset + done + part, length - done - part)) {
    append(extents, [extent], extent.length);
  }
  return extents;
}

/**
 * Adds `found`, cut to `limit` bytes, joining neighbours of the same kind.
 *
 * @returns how many bytes were described
 */
function append(extents: Extent[], found: readonly Extent[], limit: number): number {
  let described = 0;
  for (const { length, hole, zero } of found) {
    const part = Math.min(length, limit - described);
    if (part <= 0) break;
    const last = extents.at(-1);
    if (last && last.hole === hole && last.zero === zero) {
      extents[extents.length - 1] = { ...last, length: last.length + part };
    } else {
      extents.push({ length: part, hole, zero });
    }
    described += part;
  }
  return described;
}

/** Chunks that are looked at for one answer, so that it does not take for ever. */
const CHUNKS = 256;

/**
 * The extents of a target whose chunks lie apart, each asked of the device where it is. Stops after a number of
 * chunks.
 *
 * @param chunk bytes
 * @param placeOf where a chunk's byte lies
 */
export async function chunkExtents(
  offset: number,
  length: number,
  chunk: number,
  placeOf: (offset: number) => { readonly device: BlockDevice; readonly offset: number },
): Promise<Extent[]> {
  const extents: Extent[] = [];
  for (let done = 0, chunks = 0; done < length && chunks < CHUNKS; chunks++) {
    const at = offset + done;
    const part = Math.min(chunk - (at % chunk), length - done);
    const place = placeOf(at);
    const found = (await place.device.extents?.(place.offset, part)) ?? [allocated(part)];
    const described = append(extents, found, part);
    done += described;
    if (described < part) break;
  }
  return extents;
}

/** What a target or device that cannot tell says of a range. */
export function allocated(length: number): Extent {
  return { length, hole: false, zero: false };
}
