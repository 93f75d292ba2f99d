import { describe, expect, it } from 'vitest';
import { fruitReport, fruits, refusalOf } from './dm-report-support.ts';

const PEAR = 'pear';
const APPLE = 'apple';
const FIG = 'fig';
const ORANGE = 'an orange';
const ALL = [PEAR, APPLE, FIG, ORANGE];

/** Messages are those of dmsetup 1.02.185. */
describe('a selection', () => {
  it.each<[string, string[]]>([
    ['', ALL],
    // Text
    ['name=fig', [FIG]],
    ['name = fig', [FIG]],
    ['\tname\t=\tfig ', [FIG]],
    ['NAME="fig"', [FIG]],
    ["name='an orange'", [ORANGE]],
    ['name="an orange",item_count=0', [ORANGE]],
    ['name!=fig', [PEAR, APPLE, ORANGE]],
    ['name=Fig', []],
    ['name=""', []],
    ['name=', []],
    ['name!=', ALL],
    ['name= ,item_count=2', []],
    ['name=="fig"', []],
    ['name=fig&item_count=2', []],
    ['name=fig|item_count=2', []],
    ['name=fig!', []],
    ['rank=high', [PEAR, APPLE, FIG]],
    // Numbers
    ['item_count=2', [PEAR, FIG]],
    ['itemcount!=2', [APPLE, ORANGE]],
    ['item_count>2', [APPLE]],
    ['item_count>=2', [PEAR, APPLE, FIG]],
    ['item_count<2', [ORANGE]],
    ['item_count<=2', [PEAR, FIG, ORANGE]],
    ['item_count=02', [PEAR, FIG]],
    ['item_count=2.9', [PEAR, FIG]],
    ['item_count>2.9', [APPLE]],
    ['item_count=.', [ORANGE]],
    ['item_count=.9', [ORANGE]],
    ['item_count<18446744073709551615', ALL],
    // Sizes: the rows have 1 MiB, 1 KiB, 2 KiB, 512 bytes.
    ['size=1', [PEAR]],
    ['size=1m', [PEAR]],
    ['size>=1024k', [PEAR]],
    ['size=1M', []],
    ['size>1M', [PEAR]],
    ['size=1048576b', [PEAR]],
    ['size=1048576B', [PEAR]],
    ['size>=1048577b', []],
    ['size>=1048575.9b', [PEAR]],
    ['size=2048s', [PEAR]],
    ['size=2048S', [PEAR]],
    ['size=.0009765625g', [PEAR]],
    ['size<1.5k', [APPLE, ORANGE]],
    ['size!=.5k', [PEAR, APPLE, FIG]],
    ['size>0', ALL],
    ['size<1t', ALL],
    // Logic
    ['item_count=2&&name=fig', [FIG]],
    ['item_count=2,name=fig', [FIG]],
    ['name=pear||name=fig', [PEAR, FIG]],
    ['name=pear#name=fig', [PEAR, FIG]],
    ['name=apple || item_count=2 && name=fig', [APPLE, FIG]],
    ['item_count=2 && name=fig || name=apple', [APPLE, FIG]],
    ['name=apple#item_count=2,name=fig', [APPLE, FIG]],
    ['(name=apple#item_count=2),name=fig', [FIG]],
    ['!(name=fig)', [PEAR, APPLE, ORANGE]],
    ['! ( item_count=2 || name=apple ) ', [ORANGE]],
    ['!((name=fig)||(name=pear)),item_count>0', [APPLE]],
    ['((name=fig))', [FIG]],
    ['name=a && name=b && name=c', []],
    // Regular expressions
    ['name=~^a', [APPLE, ORANGE]],
    ['name!~^a', [PEAR, FIG]],
    ['name=~(^a|g),item_count>0', [APPLE, FIG]],
    ['name =~ [ap]', [APPLE]],
    ['name=~{n o}', [ORANGE]],
    ['name=~"n o"', [ORANGE]],
    ['(name=~g$)', [FIG]],
    // What rows are when they are selected
    ['selected=1', ALL],
    ['selected=0', []],
  ])('%s', (select, selected) => {
    expect(fruits({ select })).toEqual(selected);
  });

  it('marks rows where that is shown', () => {
    const marks = (select: string, sort = ''): string =>
      fruitReport({
        fields: 'selected,name',
        select,
        sort,
        layout: { aligned: false, headings: false },
      }).text();
    expect(marks('item_count=2', '-selected,name')).toBe('1 fig\n1 pear\n0 an orange\n0 apple\n');
    expect(marks('selected=0')).toBe('0 pear\n0 apple\n0 fig\n0 an orange\n');
    expect(marks('')).toBe('1 pear\n1 apple\n1 fig\n1 an orange\n');
  });

  it('compares numbers with a fraction by it, and large ones exactly', () => {
    const row = (count: number | bigint) => [{ name: 'x', count, size: 0 }];
    const holds = (select: string, count: number | bigint): boolean =>
      fruitReport({ select }, row(count)).text() !== '';
    expect(holds('item_count>1.5', 1.75)).toBe(true);
    expect(holds('item_count<1.5', 1.75)).toBe(false);
    expect(holds('item_count=18446744073709551615', 2n ** 64n - 1n)).toBe(true);
    expect(holds('item_count=18446744073709551614', 2n ** 64n - 1n)).toBe(false);
  });

  const at = (text: string): string =>
    `Selection syntax error at '${text}'.\nUse 'help' for selection to get more help.`;

  it.each<[string, string, readonly string[]]>([
    [' ', `Expecting field name\n${at('')}`, []],
    ['=1', `Expecting field name\n${at('=1')}`, []],
    ['?=1', `Expecting field name\n${at('?=1')}`, []],
    ['()', `Expecting field name\n${at(')')}`, []],
    ['name=a &&', `Expecting field name\n${at('')}`, []],
    ['&& name=a', `Expecting field name\n${at('&& name=a')}`, []],
    ['name=a &&& name=b', `Expecting field name\n${at('& name=b')}`, []],
    ['item_count=1,', `Expecting field name\n${at('')}`, []],
    ['bogus=1', `Unrecognised selection field: bogus\n${at('bogus=1')}`, ['types']],
    ['a-b=1', `Unrecognised selection field: a-b\n${at('a-b=1')}`, ['types']],
    ['a.b=1', `Unrecognised selection field: a\n${at('a.b=1')}`, ['types']],
    ['name=a, all=1', `Unrecognised selection field: all\n${at('all=1')}`, ['types']],
    [' help', `Selection field is uncomparable: help.\n${at('help')}`, ['types']],
    ['name=a,help', `Selection field is uncomparable: help.\n${at('help')}`, ['types']],
    ['name', `Unrecognised comparison operator: \n${at('name')}`, ['operators']],
    ['name ', `Unrecognised comparison operator:  \n${at('name ')}`, ['operators']],
    ['name !a', `Unrecognised comparison operator:  !a\n${at('name !a')}`, ['operators']],
    ['name?=1', `Unrecognised comparison operator: ?=1\n${at('name?=1')}`, ['operators']],
    [
      'name>a',
      `Operator can be used only with number, size, time or percent fields: name>a\n${at('name>a')}`,
      ['operators'],
    ],
    [
      'item_count since 1',
      `Operator can be used only with time fields: item_count since 1\n${at('item_count since 1')}`,
      ['operators'],
    ],
    ['name=a b', `Expecting logical operator\n${at('b')}`, []],
    ['name="a"b', `Expecting logical operator\n${at('b')}`, []],
    ['name=a)', `Expecting logical operator\n${at(')')}`, []],
    ['name=(a)', `Expecting logical operator\n${at(')')}`, []],
    ['(name=a)(name=b)', `Expecting logical operator\n${at('(name=b)')}`, []],
    ['item_count=1 & size=2', `Expecting logical operator\n${at('& size=2')}`, []],
    ['item_count=0x1', `Expecting logical operator\n${at('x1')}`, []],
    ['item_count=1.2.3', `Expecting logical operator\n${at('.3')}`, []],
    ['size=1mm', `Expecting logical operator\n${at('m')}`, []],
    ['size=1 m', `Expecting logical operator\n${at('m')}`, []],
    ['size=1z', `Expecting logical operator\n${at('z')}`, []],
    ['name=~[ab]l', `Expecting logical operator\n${at('l')}`, []],
    ['!name=a', "Syntax error: left parenthesis expected at 'name=a'", []],
    ['! name=a', "Syntax error: left parenthesis expected at ' name=a'", []],
    ['!!(name=a)', "Syntax error: left parenthesis expected at '!(name=a)'", []],
    ['(name=a', "Syntax error: right parenthesis expected at ''", []],
    ['(name=a x)', "Syntax error: right parenthesis expected at 'x)'", []],
    [
      'name="a',
      `Missing end quote.\nFailed to parse string value for selection field name.\n${at('name="a')}`,
      [],
    ],
    [
      'name=~(a',
      `Missing end quote.\nFailed to parse regex value for selection field name.\n${at('name=~(a')}`,
      [],
    ],
    ['name=~', `Regular expression expected for selection field name\n${at('name=~')}`, []],
    [
      'item_count=~ ',
      `Regular expression expected for selection field item_count\n${at('item_count=~ ')}`,
      [],
    ],
    ['item_count=~1', 'dm_report: incompatible comparison type for selection field item_count', []],
    ['size!~1', 'dm_report: incompatible comparison type for selection field size', []],
    [
      'item_count=x',
      `Failed to parse numeric value for selection field item_count.\n${at('item_count=x')}`,
      [],
    ],
    [
      'item_count="1"',
      `Failed to parse numeric value for selection field item_count.\n${at('item_count="1"')}`,
      [],
    ],
    ['(size=-1)', `Failed to parse numeric value for selection field size.\n${at('size=-1)')}`, []],
    [
      'item_count=1k',
      `Found size unit specifier but numeric value expected for selection field item_count.\n${at('item_count=1k')}`,
      [],
    ],
    [
      'item_count=1%',
      `Found percent value but numeric value expected for selection field item_count.\n${at('item_count=1%')}`,
      [],
    ],
    [
      'size=1%',
      `Found percent value but size value expected for selection field size.\n${at('size=1%')}`,
      [],
    ],
    [
      'item_count=18446744073709551616',
      'Field selection value 18446744073709551616 out of supported range for field item_count.',
      [],
    ],
    [
      'name=~"a|"',
      [
        "Badly formed 'or' expression",
        "missing ')' in regular expression",
        'Parse error in regex',
        "Couldn't parse regex",
        'dm_report: failed to create regex matcher for selection field name',
      ].join('\n'),
      [],
    ],
  ])('is refused: %s', (select, message, help) => {
    expect(refusalOf({ select })).toEqual({ code: 'INVALID_ARGUMENT', message, help });
  });

  it('warns of a regular expression that is used although it is malformed', () => {
    const report = fruitReport({ select: 'name=~"|zzz"' });
    expect(report.warnings).toEqual(["missing ')' in regular expression"]);
    expect(report.json()).toHaveLength(4);
  });
});
