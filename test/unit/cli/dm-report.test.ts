import { describe, expect, it } from 'vitest';
import { reportHelpText } from '../../../src/cli/dm/report/help-text.ts';
import { ReportHelpWanted } from '../../../src/cli/dm/report/usage-error.ts';
import { FRUIT, fruitReport, fruits, PLAIN, refusalOf } from './dm-report-support.ts';

const UNALIGNED = { aligned: false };

describe('the layout of a report', () => {
  it('makes each column as wide as its heading, its least width and its widest value', () => {
    expect(fruitReport({ fields: 'name,item_count,rank,size' }).text()).toBe(
      [
        'Name      Count R    Size ',
        'pear          2 high 1024k',
        'apple        10 high    1k',
        'fig           2 high    2k',
        'an orange     0    l  0.5k',
        '',
      ].join('\n'),
    );
  });

  it('pads the last column too, and counts bytes', () => {
    expect(fruitReport({ fields: 'rank,name' }, [{ name: 'ñ', count: 0, size: 0 }]).text()).toBe(
      'R   Name  \n  l ñ    \n',
    );
  });

  it('puts separators between what is not aligned', () => {
    expect(fruitReport({ layout: { ...UNALIGNED, separator: '|' } }).text()).toBe(
      'Name|Count\npear|2\napple|10\nfig|2\nan orange|0\n',
    );
  });

  it('puts names before values, in quotes or not', () => {
    const prefixes = { ...PLAIN, prefixes: true };
    expect(fruitReport({ select: 'name=fig', layout: prefixes }).text()).toBe(
      "DM_NAME='fig':DM_ITEM_COUNT='2'\n",
    );
    expect(fruitReport({ select: 'name=fig', layout: { ...prefixes, quoted: false } }).text()).toBe(
      'DM_NAME=fig:DM_ITEM_COUNT=2\n',
    );
  });

  it('makes a line of each field', () => {
    const rows = { ...UNALIGNED, fieldsAsRows: true };
    expect(fruitReport({ layout: rows }).text()).toBe('Name pear apple fig an orange\nCount 2 10 2 0\n');
    expect(fruitReport({ layout: { ...rows, headings: false, separator: ':' } }).text()).toBe(
      'pear:apple:fig:an orange\n2:10:2:0\n',
    );
  });

  it('prints nothing, not even headings, where there is no row', () => {
    expect(fruitReport({ select: 'name=plum' }).text()).toBe('');
    expect(fruitReport({ select: 'name=plum', layout: { fieldsAsRows: true, aligned: false } }).text()).toBe(
      '',
    );
  });

  it('prints empty lines where there is no field', () => {
    expect(fruitReport({ fields: '' }).text()).toBe('\n\n\n\n\n');
  });

  it('starts anew when it is cleared', () => {
    const report = fruitReport({});
    report.clear();
    report.add({ name: 'plum', count: 1, size: 1 });
    expect(report.text()).toBe('Name   Count\nplum       1\n');
  });

  it('gives JSON with numbers as numbers', () => {
    const fields = 'name,item_count,size,rank,selected';
    expect(fruitReport({ fields, sort: 'name', select: 'name=fig' }).json()).toEqual([
      { name: 'an orange', item_count: 0, size: 1, rank: 'l', selected: 0 },
      { name: 'apple', item_count: 10, size: 2, rank: 'high', selected: 0 },
      { name: 'fig', item_count: 2, size: 4, rank: 'high', selected: 1 },
      { name: 'pear', item_count: 2, size: 2048, rank: 'high', selected: 0 },
    ]);
    expect(fruitReport({ fields: 'item_count' }, [{ name: '', count: 5n, size: 0 }]).json()).toEqual([
      { item_count: 5 },
    ]);
  });
});

describe('the fields of a report', () => {
  const headings = (fields: string, kinds: readonly string[] = []): string =>
    fruitReport({ fields, kinds, layout: { aligned: false, separator: ',' } })
      .text()
      .split('\n', 1)
      .join();

  it('are found whatever their case and their underscores', () => {
    expect(headings('NAME,itemcount,Item_Count,_size')).toBe('Name,Count,Count,Size');
  });

  it('may be all of a kind', () => {
    expect(headings('fruit_all')).toBe('Name,Count');
    expect(headings('rankall,EXTENT_ALL')).toBe('R,Size');
  });

  it('may be all of what the report is about so far', () => {
    expect(headings('all')).toBe('Name,Count,R,Size');
    expect(headings('size,all')).toBe('Size,Size');
    expect(headings('size,rank,all')).toBe('Size,R,R,Size');
    expect(headings('all', ['extent'])).toBe('Size');
    expect(headings('rank,all', ['extent'])).toBe('R,R,Size');
    expect(headings('selected,all')).toBe('Selected');
  });

  it('are separated by commas, of which several count as one', () => {
    expect(headings(',,name,,size')).toBe('Name,Size');
    expect(refusalOf({ fields: 'name,' }).message).toBe('Unrecognised field: ');
    expect(refusalOf({ fields: ',' }).message).toBe('Unrecognised field: ');
    expect(refusalOf({ fields: 'name, size' }).message).toBe('Unrecognised field:  size');
  });

  it.each(['bogus', 'na', 'fruit_name', '+name', '-name', 'special_all', 'selected_all'])(
    'do not include %s',
    (name) => {
      expect(refusalOf({ fields: `name,${name}` })).toEqual({
        code: 'INVALID_ARGUMENT',
        message: `Unrecognised field: ${name}`,
        help: ['fields'],
      });
    },
  );

  it('say what the report is about, with what it is sorted and selected by', () => {
    const kinds = (wanted: Parameters<typeof fruitReport>[0]): string[] =>
      ['fruit', 'rank', 'extent'].filter((kind) => fruitReport(wanted).isAbout(kind));
    expect(kinds({ fields: 'name' })).toEqual(['fruit']);
    expect(kinds({ fields: 'name', sort: 'rank' })).toEqual(['fruit', 'rank']);
    expect(kinds({ fields: 'rank', select: '!(size=1||name=a)' })).toEqual(['fruit', 'rank', 'extent']);
    expect(kinds({ fields: 'selected' })).toEqual([]);
  });
});

describe('the order of a report', () => {
  it('is that of the rows where nothing is said', () => {
    expect(fruits({})).toEqual(['pear', 'apple', 'fig', 'an orange']);
    expect(fruits({ sort: '' })).toEqual(['pear', 'apple', 'fig', 'an orange']);
  });

  it.each([
    ['name', ['an orange', 'apple', 'fig', 'pear']],
    ['-name', ['pear', 'fig', 'apple', 'an orange']],
    ['item_count', ['an orange', 'pear', 'fig', 'apple']],
    ['-item_count', ['apple', 'pear', 'fig', 'an orange']],
    ['+itemcount,-name', ['an orange', 'pear', 'fig', 'apple']],
    ['-item_count,name', ['apple', 'fig', 'pear', 'an orange']],
    ['size', ['an orange', 'apple', 'fig', 'pear']],
    [',rank,,name', ['apple', 'fig', 'pear', 'an orange']],
  ])('by %s', (sort, order) => {
    expect(fruits({ sort })).toEqual(order);
  });

  it('is by bytes, and by value even of large numbers', () => {
    const names = (sort: string, rows: Parameters<typeof fruitReport>[1]): string =>
      fruitReport({ fields: 'name', sort, layout: PLAIN }, rows).text();
    const row = (
      name: string,
      count: number | bigint = 0,
    ): { name: string; count: number | bigint; size: number } => ({
      name,
      count,
      size: 0,
    });
    // By UTF-16 it would be the other way round.
    expect(names('name', [row('\u{1f34e}'), row('\uff5e')])).toBe('\uff5e\n\u{1f34e}\n');
    expect(names('item_count', [row('b', 2n ** 64n - 1n), row('a', 9), row('c', 2n ** 64n - 2n)])).toBe(
      'a\nc\nb\n',
    );
  });

  it('passes over what is named again', () => {
    const report = fruitReport({ sort: 'name,-NAME' });
    expect(report.warnings).toEqual(['dm_report: Ignoring duplicate sort field: name.']);
  });

  it.each([
    ['bogus', 'dm_report: Unrecognised field: bogus'],
    ['fruit_all', 'dm_report: Unrecognised field: fruit_all'],
    ['name,', 'dm_report: Unrecognised field: '],
    ['--name', 'dm_report: Unrecognised field: --name'],
    ['+', 'dm_report: Missing sort field name\ndm_report: Unrecognised field: +'],
  ])('is refused by %s', (sort, message) => {
    expect(refusalOf({ sort })).toEqual({ code: 'INVALID_ARGUMENT', message, help: ['fields'] });
  });
});

describe('help of a report', () => {
  const wanted = (request: Parameters<typeof fruitReport>[0]): readonly string[] => {
    try {
      fruitReport(request);
    } catch (error) {
      if (error instanceof ReportHelpWanted) return error.help;
      throw error;
    }
    return [];
  };

  it('is asked for by fields, sorting and selection', () => {
    expect(wanted({ fields: 'name,help' })).toEqual(['fields']);
    expect(wanted({ fields: '?' })).toEqual(['fields']);
    expect(wanted({ sort: '-help' })).toEqual(['fields']);
    expect(wanted({ select: 'HELP' })).toEqual(['types', 'operators']);
    expect(wanted({ fields: 'help', select: '?' })).toEqual(['fields', 'types', 'operators']);
    expect(wanted({})).toEqual([]);
  });

  it('is not given where something else is wrong', () => {
    expect(refusalOf({ fields: 'help,bogus' }).message).toBe('Unrecognised field: bogus');
    expect(refusalOf({ fields: 'help', sort: 'bogus' }).message).toBe('dm_report: Unrecognised field: bogus');
    expect(refusalOf({ sort: 'help', select: 'bogus=1' }).message).toMatch(
      /^Unrecognised selection field: bogus\n/,
    );
  });

  it('lists fields by section', () => {
    expect(reportHelpText(FRUIT, ['fields'])).toBe(
      [
        'Fruit Fields',
        '------------',
        '  fruit_all  - All fields of this section.',
        '  name       - Name.',
        '  item_count - Number.',
        '  rank       - Rank.',
        ' ',
        'Extent Fields',
        '-------------',
        '  extent_all - All fields of this section.',
        '  size       - Size.',
        ' ',
        'Special Fields',
        '--------------',
        '  selected   - Whether the row meets the selection: 1 or 0.',
        '  help       - Show this list.',
        '  ?          - Show this list.',
        ' ',
      ].join('\n'),
    );
  });

  it('lists their types and the operators of selections', () => {
    const text = reportHelpText(FRUIT, ['types', 'operators']);
    expect(text).toContain('  size       - Size. [size]\n');
    expect(text).toContain('  help       - Show this list. [unselectable number]\n');
    expect(text).not.toContain('_all');
    for (const sign of ['=~', '!~', '!=', '>=', '&&', '||', '#']) expect(text).toContain(`${sign}  - `);
  });
});
