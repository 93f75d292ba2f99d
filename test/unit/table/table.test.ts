import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/crypto/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import {
  disposeTable,
  formatTable,
  formatTableLine,
  parseTable,
  parseTableLine,
  quoteArg,
  splitArgs,
  type TableLine,
} from '../../../src/table/index.ts';

const KEY = '000102030405060708090a0b0c0d0e0f';
const CRYPT = `0 8 crypt aes-cbc-plain64 ${KEY} 0 /dev/sda 0`;

function failureOf(text: string): TscryptError {
  try {
    parseTable(text);
  } catch (error) {
    if (error instanceof TscryptError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('parseTable', () => {
  it('reads lines, and skips blank ones and comments', () => {
    const text = '# a table\n\n  0 8 linear /dev/sda 16 # the head\n\t8 16\tzero \n   # end\n24 8 error';
    expect(parseTable(text)).toEqual([
      { start: 0, length: 8, type: 'linear', args: ['/dev/sda', '16'] },
      { start: 8, length: 16, type: 'zero', args: [] },
      { start: 24, length: 8, type: 'error', args: [] },
    ]);
    expect(parseTable('')).toEqual([]);
  });

  it('quotes with backslashes', () => {
    expect(parseTableLine('0 8 linear /my\\ disk\\#1\\\\x 0')?.args).toEqual(['/my disk#1\\x', '0']);
    expect(parseTableLine('0 8 linear disk\\')?.args).toEqual(['disk\\']);
  });

  it('turns the key of a crypt line into a secret, and nothing else', () => {
    const [line] = parseTable(CRYPT.replace(KEY, KEY.toUpperCase()));
    const key = line?.args[1];
    expect(key).toBeInstanceOf(Secret);
    expect(Buffer.from((key as Secret).bytes).toString('hex')).toBe(KEY);
    for (const text of ['-', ':32:logon:name', 'abc', 'zz']) {
      expect(parseTableLine(CRYPT.replace(KEY, text))?.args[1]).toBe(text);
    }
    expect(parseTableLine(`0 8 linear ${KEY} ${KEY}`)?.args).toEqual([KEY, KEY]);
    disposeTable([line as TableLine]);
    expect((key as Secret).disposed).toBe(true);
  });

  it('says which line and field is wrong', () => {
    expect(failureOf('0 8 zero\n\n8 zero')).toMatchObject({
      code: 'INVALID_FORMAT',
      details: { line: 3, field: 'type' },
    });
    expect(failureOf('0')).toMatchObject({ details: { line: 1, field: 'length' } });
    expect(failureOf('x 8 zero')).toMatchObject({
      code: 'INVALID_FORMAT',
      details: { line: 1, field: 'start' },
    });
    expect(failureOf('0 0x8 zero')).toMatchObject({ details: { field: 'length' } });
    expect(failureOf('-1 8 zero')).toMatchObject({ details: { field: 'start' } });
    expect(failureOf('0 1.5 zero')).toMatchObject({ details: { field: 'length' } });
  });

  it('refuses devices too large to count in bytes', () => {
    const most = Math.floor(Number.MAX_SAFE_INTEGER / 512);
    expect(parseTableLine(`0 ${most} zero`)?.length).toBe(most);
    expect(failureOf(`0 ${most + 1} zero`)).toMatchObject({
      code: 'INVALID_FORMAT',
      details: { field: 'length' },
    });
    expect(failureOf(`1 ${most} zero`)).toMatchObject({ code: 'INVALID_FORMAT' });
    expect(failureOf('99999999999999999999999 1 zero')).toMatchObject({ details: { field: 'start' } });
  });
});

describe('splitArgs', () => {
  it('splits at white space', () => {
    expect(splitArgs(' a\t b\nc\v\f\rd ')).toEqual(['a', 'b', 'c', 'd']);
    expect(splitArgs('')).toEqual([]);
    expect(splitArgs('  ')).toEqual([]);
  });

  it('keeps what a backslash quotes, and comment signs', () => {
    expect(splitArgs('a\\ b \\c \\\\ #x')).toEqual(['a b', 'c', '\\', '#x']);
  });
});

describe('formatTable', () => {
  it('prints keys as zeroes unless asked', () => {
    const table = parseTable(CRYPT);
    expect(formatTable(table)).toBe(`${CRYPT.replace(KEY, '0'.repeat(32))}\n`);
    expect(formatTable(table, { showKeys: true })).toBe(`${CRYPT}\n`);
  });

  it('hides keys that are text, but no reference to a keyring', () => {
    const line = (key: string): TableLine => ({
      start: 0,
      length: 8,
      type: 'crypt',
      args: ['aes', key, '0', 'd', '0'],
    });
    expect(formatTableLine(line('zz'))).toBe('0 8 crypt aes 00 0 d 0');
    expect(formatTableLine(line(':32:logon:name'))).toBe('0 8 crypt aes :32:logon:name 0 d 0');
    expect(formatTableLine(line('zz'), { showKeys: true })).toBe('0 8 crypt aes zz 0 d 0');
    const integrity: TableLine = {
      start: 0,
      length: 8,
      type: 'integrity',
      args: ['d', '0', '32', 'J', '2', 'internal_hash:hmac(sha256):00ff00ff', 'journal_crypt:ctr(aes)'],
    };
    expect(formatTableLine(integrity)).toContain(
      'internal_hash:hmac(sha256):00000000 journal_crypt:ctr(aes)',
    );
  });

  it('prints an empty key as a hyphen, and as dmsetup hides it', () => {
    const line: TableLine = {
      start: 0,
      length: 8,
      type: 'crypt',
      args: ['cipher_null-ecb', new Secret(0), '0', 'd', '0'],
    };
    expect(formatTableLine(line, { showKeys: true })).toBe('0 8 crypt cipher_null-ecb - 0 d 0');
    expect(formatTableLine(line)).toBe('0 8 crypt cipher_null-ecb 0 0 d 0');
  });

  it('keeps the blank behind a type without arguments', () => {
    expect(formatTableLine({ start: 0, length: 8, type: 'zero', args: [] })).toBe('0 8 zero ');
  });

  it('never shows a secret by accident', () => {
    const table = parseTable(CRYPT);
    expect(JSON.stringify(table)).not.toContain(KEY);
    expect(`${table[0]?.args[1]}`).not.toContain(KEY);
  });

  it('quotes what would not be read back, and refuses what cannot be quoted', () => {
    expect(quoteArg('/my disk#1\\x')).toBe('/my\\ disk\\#1\\\\x');
    for (const arg of ['', 'a\nb', 'a\0b']) {
      expect(() => quoteArg(arg)).toThrow(TscryptError);
    }
  });
});
