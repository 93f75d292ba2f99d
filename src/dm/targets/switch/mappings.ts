import { refuse } from '../arguments.ts';
import type { RegionTable } from './region-table.ts';

/** Numbers in messages are hexadecimal, without a prefix, and wrap at 64 bits. */
const MAPPING = /^([0-9a-f]*):([0-9a-f]+)$/i;
const RUN = /^r([0-9a-f]+),([0-9a-f]+)$/i;

/**
 * `set_region_mappings`: each word is `[region]:path`, where a region left out is the one behind the last, or
 * `Rn,m`, by which each of the next m regions takes the path that the region n before it has. What stands
 * before a wrong word has been done.
 *
 * @throws TscryptError INVALID_ARGUMENT with the kernel's text
 */
export function setRegionMappings(table: RegionTable, paths: number, words: readonly string[]): void {
  const regions = BigInt(table.regions);
  let region = 0n;
  for (const word of words) {
    const [, given, path] = MAPPING.exec(word) ?? [];
    const [, cycle, count] = RUN.exec(word) ?? [];
    if (path !== undefined) {
      region = given ? hex(given) : region + 1n;
      setOne(table, region, hex(path), paths);
    } else if (cycle !== undefined && count !== undefined) {
      const back = hex(cycle) - 1n;
      if (back < 0n || back > region) {
        refuse(`invalid set_region_mappings cycle length: ${BigInt.asUintN(64, back)} > ${region}`);
      }
      const run = hex(count);
      if (region + run >= regions) {
        refuse(`invalid set_region_mappings region number: ${region} + ${run} >= ${regions}`);
      }
      table.repeat(Number(region) + 1, Number(run), Number(back) + 1);
      region += run;
    } else {
      refuse(`invalid set_region_mappings argument: '${word}'`);
    }
  }
}

function setOne(table: RegionTable, region: bigint, path: bigint, paths: number): void {
  if (region >= BigInt(table.regions)) {
    refuse(`invalid set_region_mappings region number: ${region} >= ${table.regions}`);
  }
  if (path >= BigInt(paths)) refuse(`invalid set_region_mappings device: ${path} >= ${paths}`);
  table.set(Number(region), Number(path));
}

function hex(digits: string): bigint {
  return BigInt.asUintN(64, BigInt(`0x${digits}`));
}
