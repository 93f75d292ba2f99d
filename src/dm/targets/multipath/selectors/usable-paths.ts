/** The paths that have not failed, in the order in which they are preferred. */
export class UsablePaths {
  readonly #order: number[] = [];

  get count(): number {
    return this.#order.length;
  }

  /** The path at a place of the order; −1 behind its end. */
  at(place: number): number {
    return this.#order[place] ?? -1;
  }

  addFirst(path: number): void {
    this.#order.unshift(path);
  }

  addLast(path: number): void {
    this.#order.push(path);
  }

  remove(path: number): void {
    const place = this.#order.indexOf(path);
    if (place >= 0) this.#order.splice(place, 1);
  }

  /** The path at `place` becomes the least preferred. @returns the path */
  moveLast(place: number): number {
    const order = this.#order;
    const path = this.at(place);
    for (let i = place; i + 1 < order.length; i++) order[i] = order[i + 1] as number;
    order[order.length - 1] = path;
    return path;
  }
}
