/** A part of a regular expression. A set says of each byte whether it may stand there. */
export type RegexNode =
  | { readonly kind: 'set'; readonly bytes: ReadonlySet<number> }
  | { readonly kind: 'then' | 'or'; readonly left: RegexNode; readonly right: RegexNode }
  | { readonly kind: '*' | '+' | '?'; readonly of: RegexNode };

/** What stands for the beginning and the end of a text that is searched: bytes before and behind it. */
export const BEGINNING = 2;
export const END = 3;
/** Behind the whole expression: what lies before it was found. No byte is it. */
export const FOUND = 256;

const SYNTAX = new Set(['(', ')', '*', '+', '?', '|']);
const CONTROL: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
/** `.` is none of these. */
const NO_DOT = [0, 10, 13];

interface Token {
  /** A character with a meaning; `set` for what stands for itself; `none` at the end. */
  readonly kind: string;
  readonly bytes?: ReadonlySet<number>;
}

export interface ParsedRegex {
  /** Absent when the expression makes no sense. */
  readonly root?: RegexNode;
  /** What was found wrong. Some of it does not keep the expression from being used. */
  readonly complaints: readonly string[];
}

/**
 * Reads a regular expression of libdevmapper: `.` `*` `+` `?` `|` `( )` `[ ]` `^` `$`, and `\` for `\n`, `\r`,
 * `\t` and for characters that are to stand for themselves. It is searched for anywhere in a text. `^` and `$` are
 * characters that stand before and behind it, so `.` and `[^…]` meet them too.
 *
 * What is malformed is taken as libdevmapper takes it: the expression is read as `(.*(EXPRESSION)FOUND)`, and a
 * parenthesis too many ends it.
 */
export function parseRegex(expression: string): ParsedRegex {
  return new Parser([
    ...chars('(.*('),
    ...Buffer.from(expression),
    ...chars(')'),
    FOUND,
    ...chars(')'),
  ]).parse();
}

class Parser {
  readonly #complaints: string[] = [];
  readonly #input: readonly number[];
  #at = 0;
  #token: Token;

  constructor(input: readonly number[]) {
    this.#input = input;
    this.#token = this.#next();
  }

  parse(): ParsedRegex {
    const root = this.#alternatives();
    return { ...(root && { root }), complaints: this.#complaints };
  }

  #alternatives(): RegexNode | undefined {
    const left = this.#sequence();
    if (!left || this.#token.kind !== '|') return left;
    this.#advance();
    const right = this.#alternatives();
    if (right) return { kind: 'or', left, right };
    this.#complaints.push("Badly formed 'or' expression");
    return undefined;
  }

  #sequence(): RegexNode | undefined {
    const left = this.#repeated();
    if (!left || this.#token.kind === '|') return left;
    const right = this.#sequence();
    return right ? { kind: 'then', left, right } : left;
  }

  #repeated(): RegexNode | undefined {
    let node = this.#single();
    for (;;) {
      const { kind } = this.#token;
      if (!node || (kind !== '*' && kind !== '+' && kind !== '?')) return node;
      node = { kind, of: node };
      this.#advance();
    }
  }

  #single(): RegexNode | undefined {
    const { kind, bytes } = this.#token;
    if (bytes) {
      this.#advance();
      return { kind: 'set', bytes };
    }
    if (kind !== '(') return undefined;
    this.#advance();
    const inner = this.#alternatives();
    if (this.#token.kind !== ')') {
      this.#complaints.push("missing ')' in regular expression");
      return undefined;
    }
    this.#advance();
    return inner;
  }

  #advance(): void {
    this.#token = this.#next();
  }

  #next(): Token {
    const byte = this.#input[this.#at++];
    if (byte === undefined) return { kind: 'none' };
    const char = String.fromCharCode(byte);
    if (SYNTAX.has(char)) return { kind: char };
    switch (char) {
      case '[':
        return this.#characterClass();
      case '.':
        return set(allBut(NO_DOT));
      case '^':
        return set([BEGINNING]);
      case '$':
        return set([END]);
      case '\\':
        return set([this.#escaped()]);
      default:
        return set([byte]);
    }
  }

  #escaped(): number {
    const byte = this.#input[this.#at++] ?? 0;
    return CONTROL[String.fromCharCode(byte)]?.charCodeAt(0) ?? byte;
  }

  /** `-` behind a character makes a range with whatever comes next. */
  #characterClass(): Token {
    const bytes = new Set<number>();
    const inverted = this.#input[this.#at] === '^'.charCodeAt(0);
    if (inverted) this.#at++;
    let last: number | undefined;
    for (let inRange = false; ; ) {
      const byte = this.#input[this.#at++];
      if (byte === undefined) return { kind: 'none' };
      const char = String.fromCharCode(byte);
      if (char === '-' && last !== undefined && !inRange) {
        inRange = true;
        continue;
      }
      if (char === ']' && !inRange) return set(inverted ? allBut([...bytes]) : bytes);
      const one = char === '\\' ? this.#escaped() : byte;
      const other = inRange ? (last ?? one) : one;
      for (let each = Math.min(one, other); each <= Math.max(one, other); each++) bytes.add(each);
      inRange = false;
      last = one;
    }
  }
}

function set(bytes: Iterable<number>): Token {
  return { kind: 'set', bytes: new Set(bytes) };
}

function allBut(bytes: readonly number[]): number[] {
  return Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !bytes.includes(byte));
}

function chars(text: string): number[] {
  return [...Buffer.from(text)];
}
