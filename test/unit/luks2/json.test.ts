import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloneJson, NumberText, parseJson, printJson } from '../../../src/luks2/json.ts';

const roundTrip = (text: string) => printJson(parseJson(text).value);

describe('JSON of headers', () => {
  it.each([
    ['order of members, also of numbers', '{"b":1,"10":2,"a":3,"9":4,"0":5}'],
    [
      'numbers as they were written',
      '[1,-1,1.50,1e3,-0,18446744073709551615,0.1,123456789012345678901234567890]',
    ],
    ['members of every object', '{"__proto__":{"x":1},"constructor":2,"toString":3}'],
    ['escapes', String.raw`["\"\\\b\f\n\r\t\u0000\u001f","/","ä€𝄞"]`],
    ['empty things', '{"a":{},"b":[],"c":"","d":null,"e":[[],{}]}'],
  ])('keeps %s', (_name, text) => {
    expect(roundTrip(text)).toBe(text);
    expect(printJson(cloneJson(parseJson(text).value))).toBe(text);
  });

  it('writes any value back as it was', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        // Members of one name twice are refused; fast-check makes none.
        const once = roundTrip(text);
        expect(JSON.parse(once)).toEqual(JSON.parse(text));
        expect(roundTrip(once)).toBe(once);
      }),
    );
  });

  it('prints as json-c does', () => {
    const { value } = parseJson('{"a":{},"b":[],"c":[1,{"d":"/"}]}');
    expect(printJson(value, true)).toBe(
      '{\n  "a":{\n  },\n  "b":[\n  ],\n  "c":[\n    1,\n    {\n      "d":"/"\n    }\n  ]\n}',
    );
  });

  it('keeps the order when members come and go', () => {
    const value = parseJson('{"2":1,"0":2,"1":3}').value as Record<string, unknown>;
    delete value[0];
    value[5] = 4;
    expect(printJson(value)).toBe('{"2":1,"1":3,"5":4}');
  });

  it('keeps a number that JavaScript would change as text', () => {
    expect(parseJson('9007199254740993').value).toEqual(new NumberText('9007199254740993'));
    expect(parseJson('9007199254740991').value).toBe(9007199254740991);
  });

  it('turns a lone surrogate into what it would be on disk', () => {
    expect(parseJson(String.raw`"a\ud800b"`).value).toBe('a\ufffdb');
  });

  it.each([
    '',
    ' ',
    '{',
    '[1',
    '[1,]',
    '{"a":1,}',
    '{"a" 1}',
    '{a:1}',
    "'a'",
    '"\t"',
    '"\\x"',
    '"a',
    '"\\"',
    'tru',
    '01',
    '.5',
    '+1',
    'NaN',
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '/**/1',
    `${'['.repeat(34)}${']'.repeat(34)}`,
  ])('refuses %s', (text) => {
    expect(() => {
      const { end } = parseJson(text);
      if (end !== text.length) throw Object.assign(new Error(), { code: 'INVALID_FORMAT' });
    }).toThrowError(expect.objectContaining({ code: 'INVALID_FORMAT' }));
  });

  it('throws nothing but its own error', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'{}[]",:\\u01e.- tn') })),
        (text) => {
          try {
            parseJson(text);
          } catch (error) {
            expect(error).toMatchObject({ code: 'INVALID_FORMAT' });
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
