import { describe, expect, it } from 'vitest';
import { DeviceGraph } from '../../../src/cli/dm/graph.ts';
import { NameMangling } from '../../../src/cli/dm/mangle.ts';
import { treeText } from '../../../src/cli/dm/tree.ts';
import { isUtf8Locale, readTreeOptions } from '../../../src/cli/dm/tree-options.ts';
import type { DeviceInfo } from '../../../src/daemon/request.ts';
import { TscryptError } from '../../../src/errors.ts';
import { below, device, loop } from './dm-report-support.ts';

const NAMES = new NameMangling('auto');

/** The lines that are drawn with `-o options`. */
function draw(devices: readonly DeviceInfo[], options: string, columns = 80): string[] {
  const tree = readTreeOptions(options, true);
  const text = treeText(new DeviceGraph(devices).roots(tree.inverted), tree, NAMES, columns);
  return text.split('\n').slice(0, -1);
}

/** What dmsetup 1.02.185 drew of such devices under Linux is what is expected below. */
const base = device('base', 2, { uuid: 'UUID-b', openCount: 3, dependencies: [loop(0)] });
const mid1 = device('mid1', 3, { suspended: true, openCount: 1, dependencies: [below(base)] });
const mid2 = device('mid2', 4, { openCount: 1, dependencies: [below(base)] });
const amid3 = device('amid3', 5, { openCount: 1, dependencies: [below(base), loop(1), loop(2)] });
const top = device('top', 6, {
  openCount: 2,
  dependencies: [below(mid1), below(mid2), below(amid3), loop(3)],
});
const none = device('none', 0, {
  tables: { live: false, inactive: true },
  dependencies: [loop(4)],
});
const zero = device('zero1', 1);
const space = device('sp\\x20ace', 7, { dependencies: [below(top)] });
const top2 = device('top2', 8, { readOnly: true, dependencies: [below(top)] });
const STACK = [amid3, base, mid1, mid2, none, space, top, top2, zero];

describe('a tree of devices', () => {
  it('shows what each lies upon, the last opened first', () => {
    expect(draw(STACK, '')).toEqual([
      'none (254:0)',
      'sp ace (254:7)',
      ' └─top (254:6)',
      '    ├─ (7:3)',
      '    ├─amid3 (254:5)',
      '    │  ├─ (7:2)',
      '    │  ├─ (7:1)',
      '    │  └─base (254:2)',
      '    │     └─ (7:0)',
      '    ├─mid2 (254:4)',
      '    │  └─base (254:2)',
      '    │     └─ (7:0)',
      '    └─mid1 (254:3)',
      '       └─base (254:2)',
      '          └─ (7:0)',
      'top2 (254:8)',
      ' └─top (254:6)',
      '    ├─ (7:3)',
      '    ├─amid3 (254:5)',
      '    │  ├─ (7:2)',
      '    │  ├─ (7:1)',
      '    │  └─base (254:2)',
      '    │     └─ (7:0)',
      '    ├─mid2 (254:4)',
      '    │  └─base (254:2)',
      '    │     └─ (7:0)',
      '    └─mid1 (254:3)',
      '       └─base (254:2)',
      '          └─ (7:0)',
      'zero1 (254:1)',
    ]);
  });

  it('may be drawn from below', () => {
    expect(draw(STACK, 'inverted,ascii')).toEqual([
      ' (7:2)',
      ' `-amid3 (254:5)',
      '    `-top (254:6)',
      '       |-sp ace (254:7)',
      '       `-top2 (254:8)',
      ' (7:1)',
      ' `-amid3 (254:5)',
      '    `-top (254:6)',
      '       |-sp ace (254:7)',
      '       `-top2 (254:8)',
      ' (7:0)',
      ' `-base (254:2)',
      '    |-amid3 (254:5)',
      '    |  `-top (254:6)',
      '    |     |-sp ace (254:7)',
      '    |     `-top2 (254:8)',
      '    |-mid1 (254:3)',
      '    |  `-top (254:6)',
      '    |     |-sp ace (254:7)',
      '    |     `-top2 (254:8)',
      '    `-mid2 (254:4)',
      '       `-top (254:6)',
      '          |-sp ace (254:7)',
      '          `-top2 (254:8)',
      'none (254:0)',
      ' (7:3)',
      ' `-top (254:6)',
      '    |-sp ace (254:7)',
      '    `-top2 (254:8)',
      'zero1 (254:1)',
    ]);
  });

  it('may go on in the same line', () => {
    expect(draw(STACK, 'compact')).toEqual([
      'none (254:0)',
      'sp ace (254:7)───top (254:6)─┬─ (7:3)',
      '                                ├─amid3 (254:5)─┬─ (7:2)',
      '                                │               ├─ (7:1)',
      '                                │               └─base (254:2)─── (7:0)',
      '                                ├─mid2 (254:4)───base (254:2)─── (7:0)',
      '                                └─mid1 (254:3)───base (254:2)─── (7:0)',
      'top2 (254:8)───top (254:6)─┬─ (7:3)',
      '                              ├─amid3 (254:5)─┬─ (7:2)',
      '                              │               ├─ (7:1)',
      '                              │               └─base (254:2)─── (7:0)',
      '                              ├─mid2 (254:4)───base (254:2)─── (7:0)',
      '                              └─mid1 (254:3)───base (254:2)─── (7:0)',
      'zero1 (254:1)',
    ]);
    expect(draw(STACK, 'compact,inverted')).toEqual([
      ' (7:2)───amid3 (254:5)───top (254:6)─┬─sp ace (254:7)',
      '                                           └─top2 (254:8)',
      ' (7:1)───amid3 (254:5)───top (254:6)─┬─sp ace (254:7)',
      '                                           └─top2 (254:8)',
      ' (7:0)───base (254:2)─┬─amid3 (254:5)───top (254:6)─┬─sp ace (254:7)',
      '                         │                                   └─top2 (254:8)',
      '                         ├─mid1 (254:3)───top (254:6)─┬─sp ace (254:7)',
      '                         │                               └─top2 (254:8)',
      '                         └─mid2 (254:4)───top (254:6)─┬─sp ace (254:7)',
      '                                                         └─top2 (254:8)',
      'none (254:0)',
      ' (7:3)───top (254:6)─┬─sp ace (254:7)',
      '                        └─top2 (254:8)',
      'zero1 (254:1)',
    ]);
  });

  it('says of a device what is wanted, on a line of its own', () => {
    const three = [amid3, base, mid1];
    expect(draw(three, 'active,open,rw,uuid,blkdevname,compact')).toEqual([
      'amid3 <amid3> (254:5) [ACTIVE, RW, 1, ]',
      ' ├─ <loop2> (7:2)',
      ' ├─ <loop1> (7:1)',
      ' └─base <base> (254:2) [ACTIVE, RW, 3, UUID-b]',
      '    └─ <loop0> (7:0)',
      'mid1 <mid1> (254:3) [SUSPENDED, RW, 1, ]',
      ' └─base <base> (254:2) [ACTIVE, RW, 3, UUID-b]',
      '    └─ <loop0> (7:0)',
    ]);
    expect(draw([top2], 'uuid,rw')).toEqual(['top2 (254:8) [RO, ]', ' └─ (254:6)']);
    expect(draw([zero], 'open,nodevice')).toEqual(['zero1 [0]']);
  });

  it('leaves out what has nothing to show', () => {
    expect(draw([amid3, base, mid1], 'nodevice')).toEqual(['amid3', ' └─base', 'mid1', ' └─base']);
    expect(draw([amid3, base], 'nodevice,blkdevname,ascii')).toEqual([
      'amid3 <amid3>',
      ' |- <loop2>',
      ' |- <loop1>',
      ' `-base <base>',
      '    `- <loop0>',
    ]);
    // What hangs on it does not begin a line then, and stands where another one has left off.
    expect(draw(STACK, 'nodevice,compact')[1]).toMatch(/^sp ace───top─┬─amid3───base─┬─mid2───base───mid1/);
    const two = device('two', 9, { dependencies: [loop(0)] });
    expect(draw([device('éé', 1), base, two], 'inverted,nodevice,compact')).toEqual([
      'éé',
      '   ├─base',
      '   └─two',
    ]);
  });

  it('shows files and exports by what tables call them', () => {
    const uri = 'nbd+unix:///x?socket=/s';
    const files = device('files', 1, {
      dependencies: [
        { label: '/a b.img', name: '/a b.img' },
        { label: uri, name: uri },
      ],
    });
    expect(draw([files], 'ascii,blkdevname')).toEqual([
      'files <files> (254:1)',
      ` |- <${uri}> (${uri})`,
      ' `- </a b.img> (/a b.img)',
    ]);
  });

  it('draws lines with the terminal’s own characters', () => {
    expect(draw([base, mid1], 'vt100,compact,notrunc')).toEqual([
      'mid1 (254:3)\x1b(0\x0fqqq\x1b(Bbase (254:2)\x1b(0\x0fqqq\x1b(B (7:0)',
    ]);
    expect(draw([amid3, base], 'vt100,compact,nodevice,blkdevname,notrunc')).toEqual([
      'amid3 <amid3>\x1b(0\x0fqwq\x1b(B <loop2>',
      `${' '.repeat(14)}\x1b(0\x0ftq\x1b(B <loop1>`,
      `${' '.repeat(14)}\x1b(0\x0fmq\x1b(Bbase <base>\x1b(0\x0fqqq\x1b(B <loop0>`,
    ]);
    expect(draw(STACK, 'vt100,notrunc')[5]).toBe('    \x1b(0\x0fx\x1b(B  \x1b(0\x0ftq\x1b(B (7:2)');
  });

  describe('is cut', () => {
    const x = (count: number): string => 'x'.repeat(count);
    const named = (name: string): string[] => draw([device(name, 1)], 'nodevice');

    it('where the terminal ends', () => {
      expect(named(x(80))).toEqual([x(80)]);
      expect(named(x(81))).toEqual([`${x(79)}...`]);
      expect(draw([device(x(81), 1)], 'nodevice,notrunc')).toEqual([x(81)]);
      expect(draw([mid1, base], '', 16)).toEqual(['mid1 (254:3)', ' └─base (254:2)', '    └─ (7:0)']);
      expect(draw([mid1, base], '', 14)).toEqual(['mid1 (254:3)', ' └─base (254:...', '    └─ (7:0)']);
    });

    it('before a character outside ASCII in the last column, whatever follows', () => {
      expect(named(`${x(78)}é`)).toEqual([`${x(78)}é`]);
      expect(named(`${x(78)}éx`)).toEqual([`${x(78)}éx`]);
      expect(named(`${x(79)}é`)).toEqual([`${x(79)}...`]);
      expect(named(`${x(78)}ééx`)).toEqual([`${x(78)}é...`]);
    });
  });
});

describe('options of trees', () => {
  it('may say the same again', () => {
    expect(readTreeOptions('ascii,utf,nodevice,device', false)).toMatchObject({
      characters: 'utf',
      device: true,
    });
    expect(readTreeOptions(',device,nodevice,', false)).toMatchObject({ characters: 'ascii', device: false });
    expect(readTreeOptions(undefined, true)).toMatchObject({
      characters: 'utf',
      device: true,
      compact: false,
    });
  });

  it.each([
    ['bogus', 'Tree options not recognised: bogus.'],
    ['ascii,bogus,x', 'Tree options not recognised: bogus,x.'],
    ['devno', 'Tree options not recognised: devno.'],
    [' ascii', 'Tree options not recognised:  ascii.'],
    ['toString', 'Tree options not recognised: toString.'],
  ])('are refused: %s', (text, message) => {
    expect(() => readTreeOptions(text, true)).toThrow(new TscryptError('INVALID_ARGUMENT', message));
  });

  it('follow the locale', () => {
    expect(isUtf8Locale({ LANG: 'de_DE.UTF-8' })).toBe(true);
    expect(isUtf8Locale({ LANG: 'de_DE.utf8@euro' })).toBe(true);
    expect(isUtf8Locale({ LC_ALL: '', LC_CTYPE: 'C.UTF-8', LANG: 'C' })).toBe(true);
    expect(isUtf8Locale({ LC_ALL: 'C', LANG: 'C.UTF-8' })).toBe(false);
    expect(isUtf8Locale({ LC_CTYPE: 'de_DE', LANG: 'C.UTF-8' })).toBe(false);
    expect(isUtf8Locale({})).toBe(false);
  });
});
