import { blockName, devnoText } from './block-name.ts';
import type { GraphNode } from './graph.ts';
import type { NameMangling } from './mangle.ts';
import type { TreeOptions } from './tree-options.ts';

/** What leads to a device. */
interface Symbols {
  /** On the line of what it hangs on: as the only or last one, as one of several. */
  readonly only: string;
  readonly first: string;
  /** At the beginning of a line: as one of several, as the last. */
  readonly branch: string;
  readonly last: string;
  /** Past a device whose siblings follow further down. */
  readonly past: string;
}

const SYMBOLS: Readonly<Record<TreeOptions['characters'], Symbols>> = {
  ascii: { only: '---', first: '-+-', branch: '|-', last: '`-', past: '| ' },
  utf: { only: '───', first: '─┬─', branch: '├─', last: '└─', past: '│ ' },
  vt100: {
    only: lineDrawing('qqq'),
    first: lineDrawing('qwq'),
    branch: lineDrawing('tq'),
    last: lineDrawing('mq'),
    past: `${lineDrawing('x')} `,
  },
};
const NOTHING = '  ';
const ELLIPSIS = '...';

/** In the terminal's character set for lines. */
function lineDrawing(characters: string): string {
  return `\x1b(0\x0f${characters}\x1b(B`;
}

/**
 * Draws what lies upon what, as `dmsetup ls --tree` does.
 *
 * @param columns where lines are cut
 * @returns lines, each ended
 */
export function treeText(
  roots: readonly GraphNode[],
  options: TreeOptions,
  names: NameMangling,
  columns: number,
): string {
  const drawing = new Drawing(options, names);
  return drawing
    .linesOf(roots)
    .map((line) => `${options.notrunc ? line : cut(line, columns)}\n`)
    .join('');
}

class Drawing {
  readonly #options: TreeOptions;
  readonly #names: NameMangling;
  readonly #symbols: Symbols;
  /** Attributes need a line of their own. */
  readonly #compact: boolean;
  readonly #lines: string[] = [];
  #line = '';
  /** By depth: characters that the branches below stand further right, and whether siblings follow. */
  readonly #widths: number[] = [];
  readonly #more: boolean[] = [];

  constructor(options: TreeOptions, names: NameMangling) {
    const { active, characters, compact, open, rw, uuid } = options;
    this.#options = options;
    this.#names = names;
    this.#symbols = SYMBOLS[characters];
    this.#compact = compact && !(active || open || rw || uuid);
  }

  linesOf(roots: readonly GraphNode[]): readonly string[] {
    this.#draw(roots, 0);
    if (this.#line !== '') this.#endLine();
    return this.#lines;
  }

  #draw(nodes: readonly GraphNode[], depth: number): void {
    for (const [at, node] of nodes.entries()) {
      const next = this.#options.inverted ? node.usedBy : node.uses;
      this.#more[depth] = at < nodes.length - 1;
      const text = nodeText(node, this.#options, this.#names);
      // What has nothing to show is not there; what hangs on it is.
      if (text !== '') this.#drawNode(text, depth, next.length === 0);
      this.#draw(next, depth + 1);
    }
  }

  #drawNode(text: string, depth: number, ends: boolean): void {
    const isLast = !this.#more[depth];
    const begins = this.#line === '';
    if (begins) this.#line = this.#branches(depth, isLast);
    // As with dmsetup, what leads to a device on the same line counts as a part of it.
    const start = length(this.#line);
    if (!begins) this.#line += isLast ? this.#symbols.only : this.#symbols.first;
    this.#line += text;
    this.#widths[depth] = this.#compact ? length(this.#line) - start : 0;
    if (ends || !this.#compact) this.#endLine();
  }

  /** What stands before a device at the beginning of a line. */
  #branches(depth: number, isLast: boolean): string {
    const { branch, last, past } = this.#symbols;
    let text = '';
    for (let level = 0; level < depth; level++) {
      const own = isLast ? last : branch;
      const symbol = level === depth - 1 ? own : this.#more[level + 1] ? past : NOTHING;
      text += ' '.repeat((this.#widths[level] ?? 0) + 1) + symbol;
    }
    return text;
  }

  #endLine(): void {
    this.#lines.push(this.#line);
    this.#line = '';
  }
}

/** '' for a file or disk of which nothing is to be shown. */
function nodeText({ device, dependency }: GraphNode, options: TreeOptions, names: NameMangling): string {
  if (dependency)
    return [
      options.blkdevname ? ` <${blockName(dependency)}>` : '',
      options.device ? ` (${devnoText(dependency, ':')})` : '',
    ].join('');
  if (!device) return '';
  const attributes = [
    options.active ? (device.suspended ? 'SUSPENDED' : 'ACTIVE') : [],
    options.rw ? (device.readOnly ? 'RO' : 'RW') : [],
    options.open ? String(device.openCount) : [],
    options.uuid ? names.shown(device.uuid) : [],
  ].flat();
  return [
    names.shown(device.name),
    options.blkdevname ? ` <${blockName(device)}>` : '',
    options.device ? ` (${device.major}:${device.minor})` : '',
    attributes.length > 0 ? ` [${attributes.join(', ')}]` : '',
  ].join('');
}

/** As dmsetup cuts: a character outside ASCII in the last column is taken for a sign that more follows. */
function cut(line: string, columns: number): string {
  const characters = [...line];
  const fits = characters.length < columns || (characters.length === columns && /[ -~]$/.test(line));
  return fits ? line : characters.slice(0, columns - 1).join('') + ELLIPSIS;
}

function length(text: string): number {
  return [...text].length;
}
