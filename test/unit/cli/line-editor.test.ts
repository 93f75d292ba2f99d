import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineEditor, TYPED_MAX } from '../../../src/cli/passphrase/line-editor.ts';

function typed(...parts: (string | number[])[]): number[] {
  using editor = new LineEditor();
  const bytes = parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : part));
  for (const byte of bytes) expect(editor.type(byte)).toBe('more');
  using line = editor.take();
  return [...line.bytes];
}

const BACKSPACE = [0x7f];
const CTRL_U = [0x15];
const CTRL_V = [0x16];
const CTRL_W = [0x17];

describe('a line typed without echo', () => {
  it('keeps bytes as they are, in any encoding', () => {
    expect(typed([0x61, 0xff, 0xfe, 0x62, 0x00, 0x1b])).toEqual([0x61, 0xff, 0xfe, 0x62, 0x00, 0x1b]);
  });

  it('takes characters back', () => {
    expect(typed('ab', BACKSPACE, 'c')).toEqual([...Buffer.from('ac')]);
    expect(typed('ab', [0x08])).toEqual([...Buffer.from('a')]);
    expect(typed(BACKSPACE, 'a')).toEqual([...Buffer.from('a')]);
  });

  it('takes a whole UTF-8 character back, and a single byte where it is none', () => {
    expect(typed('aä', BACKSPACE)).toEqual([...Buffer.from('a')]);
    expect(typed('a€', BACKSPACE)).toEqual([...Buffer.from('a')]);
    expect(typed('a🔑', BACKSPACE)).toEqual([...Buffer.from('a')]);
    expect(typed([0x61, 0xe4], BACKSPACE)).toEqual([0x61]);
    expect(typed([0x61, 0xbf, 0xbf], BACKSPACE)).toEqual([0x61, 0xbf]);
    expect(typed([0xbf], BACKSPACE)).toEqual([]);
  });

  it('takes all back, or a word', () => {
    expect(typed('abc', CTRL_U, 'd')).toEqual([...Buffer.from('d')]);
    expect(typed('one two  ', CTRL_W)).toEqual([...Buffer.from('one ')]);
    expect(typed(CTRL_W, 'a')).toEqual([...Buffer.from('a')]);
  });

  it('takes the byte after Ctrl-V literally', () => {
    expect(typed('a', CTRL_V, CTRL_U, 'b', CTRL_V, [0x0d])).toEqual([0x61, 0x15, 0x62, 0x0d]);
  });

  it.each([
    [0x0d, 'done'],
    [0x0a, 'done'],
    [0x03, 'interrupt'],
    [0x1c, 'interrupt'],
    [0x1a, 'suspend'],
    [0x04, 'end-of-input'],
  ])('understands byte %i', (byte, meaning) => {
    using editor = new LineEditor();
    expect(editor.type(byte)).toBe(meaning);
  });

  it('ends at Ctrl-D when something was typed', () => {
    using editor = new LineEditor();
    editor.type(0x61);
    expect(editor.type(0x04)).toBe('done');
  });

  it('drops what is beyond the limit, and says so', () => {
    using editor = new LineEditor();
    for (let i = 0; i < TYPED_MAX; i++) editor.type(0x61);
    expect(editor.overflowed).toBe(false);
    editor.type(0x62);
    expect(editor.overflowed).toBe(true);
    using line = editor.take();
    expect(line.length).toBe(TYPED_MAX);
    expect(line.bytes.includes(0x62)).toBe(false);
  });

  it('takes back exactly what was typed', () => {
    const printable = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/\p{Cc}/u.test(text));
    fc.assert(
      fc.property(printable, printable, (kept, taken) => {
        const backspaces = [...taken].flatMap(() => BACKSPACE);
        expect(typed(kept, taken, backspaces)).toEqual([...Buffer.from(kept)]);
      }),
    );
  });
});
