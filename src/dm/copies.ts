/** Whoever serves requests of mapped devices with a copy of their tables, in another thread. */
export interface Copier {
  /**
   * Serves nothing more with its copy. Settles when none of the copy's requests is under way and its keys are wiped;
   * never rejects. Harmless when repeated, or when there is no copy.
   */
  withdraw(): Promise<void>;
  /** The device looks different, or can be copied now, or cannot. */
  changed(): void;
}

/**
 * The copies that serve requests of one mapped device beside the device itself, which is the truth: whenever it is
 * about to change they are called back, and made again afterwards. A copy of a device that lies upon others is
 * entered with each of them.
 */
export class Copies {
  readonly #copiers = new Set<Copier>();
  #forbidden = 0;

  /** Whether copies may be made now. */
  get allowed(): boolean {
    return this.#forbidden === 0;
  }

  add(copier: Copier): void {
    this.#copiers.add(copier);
  }

  remove(copier: Copier): void {
    this.#copiers.delete(copier);
  }

  /**
   * No copy may be made until {@link allow} was called as often as this. Settles when those there are serve nothing
   * more; undefined when there are none.
   */
  forbid(): Promise<void> | undefined {
    this.#forbidden += 1;
    if (this.#copiers.size === 0) return undefined;
    return Promise.all([...this.#copiers].map((copier) => copier.withdraw())).then(() => {});
  }

  allow(): void {
    this.#forbidden -= 1;
    if (this.#forbidden === 0) this.changed();
  }

  /** Tells them, who may leave and enter meanwhile. */
  changed(): void {
    for (const copier of [...this.#copiers]) copier.changed();
  }
}
