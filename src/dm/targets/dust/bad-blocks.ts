/**
 * Which blocks are bad, and how many writes to each still fail before one mends it. Blocks are counted from
 * the start of the device below.
 */
export class BadBlocks {
  /** Block → writes that fail. */
  readonly #blocks = new Map<number, number>();

  get count(): number {
    return this.#blocks.size;
  }

  has(block: number): boolean {
    return this.#blocks.has(block);
  }

  /** @returns false when it is bad already, and nothing was changed */
  add(block: number, writeFailures: number): boolean {
    if (this.#blocks.has(block)) return false;
    this.#blocks.set(block, writeFailures);
    return true;
  }

  /** @returns whether it was bad */
  remove(block: number): boolean {
    return this.#blocks.delete(block);
  }

  clear(): void {
    this.#blocks.clear();
  }

  /** In ascending order. */
  list(): readonly number[] {
    return [...this.#blocks.keys()].sort((a, b) => a - b);
  }

  /**
   * A write to `block`. A block whose writes have all failed that were to fail is good again.
   *
   * @returns whether it succeeds
   */
  write(block: number): boolean {
    const failures = this.#blocks.get(block) ?? 0;
    if (failures === 0) {
      this.#blocks.delete(block);
      return true;
    }
    this.#blocks.set(block, failures - 1);
    return false;
  }
}
