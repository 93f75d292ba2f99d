import { TscryptError } from '../../../errors.ts';

/** Which path each region takes, in as few bytes as the number of paths needs. */
export class RegionTable {
  readonly #paths: Uint8Array | Uint16Array | Uint32Array;

  /**
   * Regions take the paths in turns at first.
   *
   * @throws TscryptError OUT_OF_MEMORY when there are too many regions
   */
  constructor(regions: number, paths: number) {
    const Entries = paths <= 2 ** 8 ? Uint8Array : paths <= 2 ** 16 ? Uint16Array : Uint32Array;
    try {
      this.#paths = new Entries(regions);
    } catch (error) {
      throw new TscryptError('OUT_OF_MEMORY', 'Cannot allocate region table', {
        details: { regions },
        cause: error,
      });
    }
    for (let region = 0, path = 0; region < regions; region++) {
      this.#paths[region] = path;
      path = path + 1 === paths ? 0 : path + 1;
    }
  }

  get regions(): number {
    return this.#paths.length;
  }

  pathOf(region: number): number {
    return this.#paths[region] as number;
  }

  set(region: number, path: number): void {
    this.#paths[region] = path;
  }

  /** Each of `count` regions, from `first` on, takes the path of the region `back` before it. */
  repeat(first: number, count: number, back: number): void {
    const paths = this.#paths;
    for (let region = first; region < first + count; region++) paths[region] = paths[region - back] as number;
  }
}
