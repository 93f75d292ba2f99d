import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConciseDevice, parseConcise } from '../../../../src/cli/dm/concise.ts';
import { conciseText } from '../../../../src/cli/dm/concise-output.ts';
import { jsonText, type KeyText, tableLineText } from '../../../../src/cli/dm/key-output.ts';
import { takeKey, takeMessageKey } from '../../../../src/cli/dm/key-text.ts';
import { NameMangling } from '../../../../src/cli/dm/mangle.ts';
import { parseTableBytes } from '../../../../src/cli/dm/table-input.ts';
import { Secret } from '../../../../src/crypto/secret.ts';
import type { DeviceInfo } from '../../../../src/daemon/request.ts';
import type { TableSpec } from '../../../../src/table/spec.ts';

const KEY = '000102030405060708090a0b0c0d0eFF';
const bytesOf = (text: string) => new TextEncoder().encode(text);
const parse = (text: string, source = '') => parseTableBytes(bytesOf(text), source);
const hex = (key: unknown) => (key instanceof Secret ? Buffer.from(key.bytes).toString('hex') : key);
/** Text with keys in it, as a string. */
const written = (text: KeyText) => text.map(hex).join('');
const refused = (...lines: string[]) =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', message: lines.join('\n') }) as Error;

describe('the table of create and load', () => {
  it('is read line by line', () => {
    expect(parse('# a\n\n 0\t8  zero \n  # b\n8 8 linear /dev/x 0 # c')).toEqual([
      { start: 0, length: 8, type: 'zero', args: [] },
      { start: 8, length: 8, type: 'linear', args: ['/dev/x', '0'] },
    ]);
    expect(parse('')).toEqual([]);
    expect(parse('\0\0\0')).toEqual([]);
  });

  it('has its keys as secrets, and its bytes do not have them any more', () => {
    const bytes = bytesOf(`0 8 zero\n8 8 crypt aes-cbc-essiv:sha256 ${KEY} 0 /dev/x 0\n`);
    const table = parseTableBytes(bytes, '');
    expect(table[1]?.args.map(hex)).toEqual(['aes-cbc-essiv:sha256', KEY.toLowerCase(), '0', '/dev/x', '0']);
    expect(table[1]?.args[1]).toBeInstanceOf(Secret);
    expect(new TextDecoder().decode(bytes)).toBe(
      `0 8 zero\n8 8 crypt aes-cbc-essiv:sha256 ${'0'.repeat(KEY.length)} 0 /dev/x 0\n`,
    );
  });

  it('has its keys as secrets where quoting hides them, too', () => {
    const [line] = parse(`0 8 crypt aes\\ ab ${KEY} 0 /dev/x 0`);
    expect(line?.args.slice(0, 2).map(hex)).toEqual(['aes ab', KEY.toLowerCase()]);
    expect(line?.args[1]).toBeInstanceOf(Secret);
  });

  it.each(['- 0 /dev/x 0', ':32:logon:x 0 /dev/x 0', 'xyz 0 /dev/x 0', '012 0 /dev/x 0'])(
    'has no secret in crypt c %s',
    (rest) => {
      expect(parse(`0 8 crypt c ${rest}`)[0]?.args[1]).toBe(rest.split(' ')[0]);
    },
  );

  it.each([
    ['junk', 1],
    ['0 8 zero\n0 8', 2],
    ['0x10 8 zero', 1],
    ['\n#\n-1 8 zero', 3],
  ])('%j is refused', (text, line) => {
    expect(() => parse(text, 'file')).toThrow(refused(`Invalid format on line ${line} of table file.`));
  });

  it('is the kernel’s to refuse where numbers are too large', () => {
    for (const text of ['0 36028797018963968 zero', '99999999999999999999 8 zero'])
      expect(() => parse(text)).toThrow(
        expect.objectContaining({ message: 'too large device', details: { line: 1 } }) as Error,
      );
  });

  it('has types of less than 16 bytes', () => {
    expect(parse('0 8 abcdefghijklmno')[0]?.type).toBe('abcdefghijklmno');
    expect(() => parse('0 8 abcdefghijklmnop')).toThrow(
      refused('Target type name abcdefghijklmnop is too long.'),
    );
  });
});

describe('keys in bytes', () => {
  it('are left alone where they are none', () => {
    for (const line of [`0 8 crypto c ${KEY}`, `0 8 # crypt c ${KEY}`, `0 8 zero c ${KEY}`, '0 8 crypt c']) {
      const bytes = bytesOf(line);
      expect(takeKey(bytes)).toBeUndefined();
      expect(new TextDecoder().decode(bytes)).toBe(line);
    }
  });

  it('are found in messages', () => {
    const bytes = bytesOf(` key  set ${KEY} `);
    expect(hex(takeMessageKey(bytes))).toBe(KEY.toLowerCase());
    expect(new TextDecoder().decode(bytes)).not.toContain(KEY);
    for (const text of ['key wipe', 'key set', 'key set zz', `set key ${KEY}`, `key setter ${KEY}`])
      expect(takeMessageKey(bytesOf(text))).toBeUndefined();
  });
});

const device = (name: string, uuid: string, table: string, more: Partial<ConciseDevice> = {}) => ({
  name,
  uuid,
  minor: undefined,
  readOnly: false,
  table: parse(table),
  ...more,
});

describe('a concise specification', () => {
  it.each([
    ['one,,,,0 8 zero', [device('one', '', '0 8 zero')]],
    [
      'one,U,5,ro,0 8 zero,8 8 error',
      [device('one', 'U', '0 8 zero\n8 8 error', { minor: 5, readOnly: true })],
    ],
    ['one,,,rw,0 8 zero;two,,,,0 8 error', [device('one', '', '0 8 zero'), device('two', '', '0 8 error')]],
    ['one,,,rw,0 8 zero;\n', [device('one', '', '0 8 zero')]],
    [' one, U, 5,rw, 0 8 zero', [device('one', 'U', '0 8 zero', { minor: 5 })]],
    ['o\\,n\\;e,u\\\\u,,,0 8 zero', [device('o,n;e', 'u\\u', '0 8 zero')]],
    ['c\\11,,,,0 8 linear a\\,b 0', [device('c11', '', '0 8 linear a,b 0')]],
    ['one,,,rw,0 8 zero,,#x,8 8 error', [device('one', '', '0 8 zero\n8 8 error')]],
    ['', []],
  ])('%j', (text, devices) => {
    expect(parseConcise(bytesOf(text))).toEqual(devices);
  });

  const FIVE = 'Five comma-separated fields are required for each device';
  it.each([
    ['one', FIVE, 'Parsed 1 fields: name: one uuid: (null) minor: (null) flags: (null) table: (null)'],
    ['one,,,rw', FIVE, 'Parsed 4 fields: name: one uuid:  minor:  flags: rw table: (null)'],
    [
      'one,,,,0 8 zero;;',
      FIVE,
      'Parsed 1 fields: name:  uuid: (null) minor: (null) flags: (null) table: (null)',
    ],
    [
      'one,,,rw,',
      'Incomplete entry: five comma-separated fields are required for each device',
      'Parsed 5 fields: name: one uuid:  minor:  flags: rw table: ',
    ],
    [
      'one,\\',
      'Backslash must be followed by another character at end of string.',
      'Parsed 2 fields: name: one uuid:  minor: (null) flags: (null) table: (null)',
    ],
    ['one,,,rx,0 8 zero', "Invalid flags parameter 'rx' must be 'ro' or 'rw' or empty."],
    ['one,,x,,0 8 zero', "Invalid minor number 'x'."],
    ['one,,,,0 8 zero;two,,,,junk', 'Invalid format on line 1 of table .'],
  ])('%j is refused', (text, ...lines) => {
    expect(() => parseConcise(bytesOf(text))).toThrow(refused(...lines));
  });

  it('says nothing of a table in which something is wrong', () => {
    const text = `one,,,,0 8 crypt c ${KEY} 0 /dev/x 0\\`;
    expect(() => parseConcise(bytesOf(text))).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(KEY) as string }) as Error,
    );
  });

  it('is read as it is written', () => {
    const names = new NameMangling('none');
    // Leading white space is not part of a field, newlines end lines of a table.
    const field = fc
      .string({ unit: fc.constantFrom(',', ';', '\\', ' ', '\t', 'a', 'ü', '\u{FEFF}') })
      .map((text) => text.replace(/^[ \t]+/, ''));
    const word = fc.stringMatching(/^[a-z0-9,;/:.]{1,6}$/);
    const line = fc.record({ type: fc.constantFrom('zero', 'linear'), args: fc.array(word) });
    const one = fc.record({
      name: field,
      uuid: field,
      minor: fc.nat(),
      readOnly: fc.boolean(),
      table: fc.array(line, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 3 }), (given) => {
        const devices = given.map(({ table, ...rest }) => ({
          ...rest,
          table: table.map((each, index) => ({ start: 8 * index, length: 8, ...each })) as TableSpec,
        }));
        const shown = devices.map(({ table, ...rest }) => ({ table, device: rest as unknown as DeviceInfo }));
        expect(parseConcise(bytesOf(written(conciseText(shown, names))))).toEqual(devices);
      }),
    );
  });
});

describe('what is printed with keys', () => {
  it('has them as hex', () => {
    const table = parse(`0 8 crypt c ${KEY} 0 /dev/x\\ y 0`);
    const [line] = table;
    if (!line) throw new Error('no line');
    expect(written(tableLineText(line))).toBe(`0 8 crypt c ${KEY.toLowerCase()} 0 /dev/x\\ y 0`);
    expect(JSON.parse(written(jsonText({ table })))).toEqual({
      table: [{ start: 0, length: 8, type: 'crypt', args: ['c', KEY.toLowerCase(), '0', '/dev/x y', '0'] }],
    });
  });
});
