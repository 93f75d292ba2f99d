import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Regex } from '../../src/cli/dm/report/selection/regex.ts';

const ATOM = fc.constantFrom('a', 'b', 'c', '.', '[ab]', '[^b]', '[a-c]', '\\.', '\\[');

/** Alternatives of sequences of parts that may be repeated. */
function alternatives(part: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const repeated = fc.tuple(part, fc.constantFrom('', '', '*', '+', '?')).map((parts) => parts.join(''));
  const sequence = fc.array(repeated, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
  return fc.array(sequence, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('|'));
}

/** An expression of what JavaScript has, too, with the same meaning; not so deep that JavaScript loses itself. */
const expression = alternatives(
  fc.oneof(
    ATOM,
    alternatives(ATOM).map((inner) => `(${inner})`),
  ),
);

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '.', '['), maxLength: 6 });

describe('regular expressions of selections', () => {
  it('find what those of JavaScript find between the two characters that stand around a text', () => {
    fc.assert(
      fc.property(expression, text, (source, subject) => {
        const regex = Regex.from(source);
        if (!(regex instanceof Regex)) throw new Error(`${source}: ${regex.join('; ')}`);
        expect(regex.matches(subject), source).toBe(new RegExp(source).test(`\x02${subject}\x03`));
      }),
      { numRuns: 1000 },
    );
  });

  it('never fail, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab()[]|*+?^$.-\\') }), text, (source, subject) => {
        const regex = Regex.from(source);
        if (regex instanceof Regex) regex.matches(subject);
        else expect(regex.length).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });
});
