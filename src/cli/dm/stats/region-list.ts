/**
 * Numbers of regions: `0,4-6`.
 *
 * @returns rising, each once; undefined for what is no such list
 */
export function parseRegionList(text: string): readonly number[] | undefined {
  const ids = new Set<number>();
  for (const word of text.split(',')) {
    const [, first, last = first] = /^\s*(\d{1,10})(?:-(\d{1,10}))?\s*$/.exec(word) ?? [];
    if (first === undefined || last === undefined || Number(last) < Number(first)) return undefined;
    // Nobody has as many regions as a list can name.
    if (Number(last) - Number(first) > MOST) return undefined;
    for (let id = Number(first); id <= Number(last); id++) ids.add(id);
  }
  return [...ids].sort((a, b) => a - b);
}

const MOST = 1_000_000;

/** The shortest list of `ids`, which rise. */
export function formatRegionList(ids: readonly number[]): string {
  const runs: { first: number; last: number }[] = [];
  for (const id of ids) {
    const run = runs.at(-1);
    if (run && id === run.last + 1) run.last = id;
    else runs.push({ first: id, last: id });
  }
  return runs.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
