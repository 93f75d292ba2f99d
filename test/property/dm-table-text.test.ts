import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TscryptError } from '../../src/errors.ts';
import { formatTable, parseTable, quoteArg, splitArgs } from '../../src/table/index.ts';

const word = fc
  .string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(...'ab:/-_09 \t\\#.é💾') })
  .filter((text) => text !== '');
const typeName = fc.string({ minLength: 1, maxLength: 15, unit: fc.constantFrom(...'abcdefgh-') });
const line = fc.record({
  start: fc.integer({ min: 0, max: 2 ** 40 }),
  length: fc.integer({ min: 0, max: 2 ** 40 }),
  type: typeName,
  args: fc.array(word, { maxLength: 6 }),
});

describe('tables as text', () => {
  it('are read back as they were', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (table) => {
        expect(parseTable(formatTable(table, { showKeys: true }))).toEqual(table);
      }),
    );
  });

  it('keep every argument through quoting and splitting', () => {
    fc.assert(
      fc.property(fc.array(word), (args) => {
        expect(splitArgs(args.map(quoteArg).join(' \t'))).toEqual(args);
      }),
    );
  });

  it('are read or refused with INVALID_FORMAT, whatever they hold', () => {
    const noise = fc.string({ unit: fc.constantFrom(...'0129 \n\t\\#-xcryptaes:') });
    fc.assert(
      fc.property(fc.oneof(noise, fc.string({ unit: 'binary' })), (text) => {
        try {
          parseTable(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TscryptError);
          expect((error as TscryptError).code).toBe('INVALID_FORMAT');
        }
      }),
      { numRuns: 500 },
    );
  });
});
