import { BEGINNING, END, FOUND, parseRegex, type RegexNode } from './regex-parser.ts';

/** A step of a compiled expression: meet a byte, or go on at another place or two. */
type Step =
  | { readonly meet: ReadonlySet<number>; readonly next: number }
  | { readonly forks: readonly number[] };

/** A regular expression, as a machine that looks at each byte of a text once. */
export class Regex {
  readonly #steps: Step[] = [];
  readonly #start: number;
  /** What libdevmapper would complain of while using the expression all the same. */
  readonly complaints: readonly string[];

  private constructor(root: RegexNode, complaints: readonly string[]) {
    this.complaints = complaints;
    this.#start = this.#compile(root, this.#add({ forks: [] }));
  }

  /** @returns the complaints where the expression makes no sense */
  static from(expression: string): Regex | readonly string[] {
    const { root, complaints } = parseRegex(expression);
    return root ? new Regex(root, complaints) : complaints;
  }

  /** Whether the expression is found anywhere in the text. */
  matches(text: string): boolean {
    let places = this.#reached([this.#start]);
    for (const byte of [BEGINNING, ...Buffer.from(text), END]) {
      places = this.#reached(this.#after(places, byte));
      if (this.#after(places, FOUND).length > 0) return true;
    }
    return false;
  }

  #after(places: Iterable<number>, byte: number): number[] {
    return [...places].flatMap((place) => {
      const step = this.#steps[place];
      return step && 'meet' in step && step.meet.has(byte) ? [step.next] : [];
    });
  }

  /** The places, and those that lead on from there without a byte. */
  #reached(places: readonly number[]): ReadonlySet<number> {
    const reached = new Set<number>();
    const left = [...places];
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      if (reached.has(place)) continue;
      reached.add(place);
      const step = this.#steps[place];
      if (step && 'forks' in step) left.push(...step.forks);
    }
    return reached;
  }

  /** @returns where the part begins, which goes on at `next` */
  #compile(node: RegexNode, next: number): number {
    switch (node.kind) {
      case 'set':
        return this.#add({ meet: node.bytes, next });
      case 'then':
        return this.#compile(node.left, this.#compile(node.right, next));
      case 'or':
        return this.#add({ forks: [this.#compile(node.left, next), this.#compile(node.right, next)] });
      case '?':
        return this.#add({ forks: [this.#compile(node.of, next), next] });
      default: {
        const forks = [next];
        const again = this.#add({ forks });
        const body = this.#compile(node.of, again);
        forks.push(body);
        return node.kind === '*' ? again : body;
      }
    }
  }

  #add(step: Step): number {
    return this.#steps.push(step) - 1;
  }
}
