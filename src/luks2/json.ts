import { TscryptError } from '../errors.ts';

/**
 * JSON as LUKS2 headers keep it: text that comes back the same. Members stay in their order (also the ones
 * named like numbers, which JavaScript would sort), and numbers that JavaScript would write differently
 * keep their text.
 */

/** A number whose text JavaScript would not reproduce: `1.50`, `1e3`, or beyond 2^53. */
export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Implementation limit, the same as the stock tools' parser: objects and arrays inside each other. */
const MAX_DEPTH = 32;

/** Orders of members that differ from the one JavaScript would list them in. */
const memberOrder = new WeakMap<object, readonly string[]>();

/** An object's members in their order. */
function members(object: object): string[] {
  const own = Object.keys(object);
  const order = memberOrder.get(object);
  if (!order) return own;
  const known = new Set(order);
  return [...order.filter((key) => Object.hasOwn(object, key)), ...own.filter((key) => !known.has(key))];
}

/** A deep copy that keeps the order of members. */
export function cloneJson<T>(value: T): T {
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(value)) copy[key] = cloneJson((value as Record<string, unknown>)[key]);
  const order = memberOrder.get(value);
  if (order) memberOrder.set(copy, order);
  return copy as T;
}

/** @param pretty json-c's "pretty" style: two spaces a level, no space after the colon; else no white space */
export function printJson(value: unknown, pretty = false, indent = ''): string {
  if (Array.isArray(value)) {
    return printItems(
      '[',
      ']',
      value.map((item) => (inner: string) => printJson(item, pretty, inner)),
      pretty,
      indent,
    );
  }
  if (isObject(value)) {
    const items = members(value).map(
      (key) => (inner: string) =>
        `${JSON.stringify(key)}:${printJson((value as Record<string, unknown>)[key], pretty, inner)}`,
    );
    return printItems('{', '}', items, pretty, indent);
  }
  return value instanceof NumberText ? value.text : JSON.stringify(value);
}

function printItems(
  open: string,
  close: string,
  items: ((indent: string) => string)[],
  pretty: boolean,
  indent: string,
): string {
  if (!pretty) return open + items.map((item) => item('')).join(',') + close;
  const inner = `${indent}  `;
  const lines = items.map((item) => inner + item(inner)).join(',\n');
  return `${open}\n${lines === '' ? '' : `${lines}\n`}${indent}${close}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof NumberText);
}

/**
 * Parses one JSON value that starts at the beginning of `text`.
 *
 * @returns the value and the index after it
 * @throws TscryptError INVALID_FORMAT when it is no JSON (RFC 8259), nested deeper than 32 levels, or an
 *   object has two members of one name
 */
export function parseJson(text: string): { value: unknown; end: number } {
  const parser = new Parser(text);
  const value = parser.value(0);
  return { value, end: parser.position };
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const LITERALS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

class Parser {
  position = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw this.#error('nested too deeply');
    switch (this.#text[this.position]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): unknown {
    const object: Record<string, unknown> = Object.create(null);
    const order: string[] = [];
    this.#list('}', () => {
      if (this.#text[this.position] !== '"') throw this.#error('member name expected');
      const key = this.#string();
      if (Object.hasOwn(object, key)) throw this.#error(`two members "${key}"`);
      this.#space();
      this.#expect(':');
      this.#space();
      object[key] = this.value(depth + 1);
      order.push(key);
    });
    if (Object.keys(object).some((key, index) => key !== order[index])) memberOrder.set(object, order);
    return object;
  }

  #array(depth: number): unknown[] {
    const array: unknown[] = [];
    this.#list(']', () => array.push(this.value(depth + 1)));
    return array;
  }

  #list(close: string, item: () => void): void {
    this.position++;
    this.#space();
    if (this.#text[this.position] === close) {
      this.position++;
      return;
    }
    for (;;) {
      item();
      this.#space();
      if (this.#text[this.position] === close) break;
      this.#expect(',');
      this.#space();
    }
    this.position++;
  }

  #string(): string {
    let end = this.position + 1;
    while (this.#text[end] !== '"') {
      if (end >= this.#text.length) throw this.#error('string without an end');
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    const quoted = this.#text.slice(this.position, end + 1);
    try {
      const content = JSON.parse(quoted) as string;
      this.position = end + 1;
      // A lone surrogate cannot be written as UTF-8: it becomes U+FFFD here, as it would on disk.
      return content.replace(/\p{Surrogate}/gu, '\ufffd');
    } catch {
      throw this.#error('malformed string');
    }
  }

  #scalar(): unknown {
    for (const [literal, value] of LITERALS) {
      if (!this.#text.startsWith(literal, this.position)) continue;
      this.position += literal.length;
      return value;
    }
    const digits = this.#match(NUMBER);
    if (digits === undefined) throw this.#error('value expected');
    const number = Number(digits);
    return String(number) === digits ? number : new NumberText(digits);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.#text)?.[0];
    this.position += found?.length ?? 0;
    return found;
  }

  #space(): void {
    this.#match(SPACE);
  }

  #expect(character: string): void {
    if (this.#text[this.position] !== character) throw this.#error(`"${character}" expected`);
    this.position++;
  }

  #error(message: string): TscryptError {
    return new TscryptError('INVALID_FORMAT', `LUKS2 JSON: ${message} at character ${this.position}.`, {
      details: { structure: 'LUKS2 JSON', offset: this.position },
    });
  }
}
