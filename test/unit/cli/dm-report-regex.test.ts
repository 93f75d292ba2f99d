import { describe, expect, it } from 'vitest';
import { Regex } from '../../../src/cli/dm/report/selection/regex.ts';

function compile(expression: string): Regex {
  const regex = Regex.from(expression);
  if (regex instanceof Regex) return regex;
  throw new Error(regex.join('; '));
}

const MISSING = "missing ')' in regular expression";
const BAD_OR = "Badly formed 'or' expression";

/** What dmsetup 1.02.185 makes of them. */
describe('a regular expression', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['a', ['a', 'bab'], ['', 'b', 'A']],
    ['^a', ['a', 'ab'], ['ba']],
    ['a$', ['a', 'ba'], ['ab']],
    ['^a$|^b$', ['a', 'b'], ['ab', 'ba']],
    ['^(alpha|beta)$', ['alpha', 'beta'], ['alphabeta', 'alph']],
    ['a($|m)', ['beta', 'gamma'], ['alp']],
    ['(^|x)a', ['alpha', 'xa'], ['beta']],
    ['ab*c', ['ac', 'abbc'], ['abb']],
    ['ab+c', ['abc', 'abbc'], ['ac']],
    ['ab?c', ['ac', 'abc'], ['abbc']],
    ['(ab)+c', ['abc', 'ababc'], ['ac', 'bc']],
    ['a?*+', ['', 'a', 'b'], []],
    ['a.c', ['abc', 'a.c'], ['ac', 'a\nc', 'a\rc']],
    ['[ab]l', ['al', 'bl'], ['cl']],
    ['[a-c]x', ['ax', 'cx'], ['dx', '-x']],
    ['^[a-c-e]$', ['a', 'c', 'd', 'e'], ['-', 'f']],
    ['[z-a]', ['m'], ['M', '1']],
    ['[-z]', ['-', 'z'], ['y']],
    ['[+--]', ['+', ',', '-'], ['*', '.']],
    ['[.]', ['.'], ['a']],
    ['[$]', ['$'], ['a', '']],
    ['[\\]]', [']'], ['a']],
    ['[\\d]', ['d'], ['1']],
    ['[\\n]', ['\n'], ['n']],
    ['[]a]', [], ['a', ']', 'a]']],
    ['\\.', ['.'], ['a']],
    ['\\x', ['x'], ['y']],
    ['a\\nb', ['a\nb'], ['anb']],
    ['\\t\\r', ['\t\r'], ['tr']],
    ['A{2}', ['A{2}'], ['AA']],
    ['[[:alpha:]]', [':]', 'a]'], ['a', ':']],
    ['é', ['é'], ['e']],
    // The beginning and the end are characters too.
    ['......', ['four', 'five5'], ['abc']],
    ['[^a-z]', ['', 'abc', '1'], []],
    ['^[^ab]', ['', 'cab'], ['abc', 'bca']],
    ['^^a', [], ['a']],
    ['$a', [], ['a']],
    ['a^', [], ['a']],
    // A parenthesis too many ends it.
    [')', ['', 'x'], []],
    ['|a', ['', 'x'], []],
  ])('%s', (expression, found, missed) => {
    const regex = compile(expression);
    for (const text of found) expect(regex.matches(text), text).toBe(true);
    for (const text of missed) expect(regex.matches(text), text).toBe(false);
  });

  it.each<[string, readonly string[]]>([
    ['', [MISSING]],
    ['()', [MISSING]],
    ['(', [MISSING, MISSING]],
    ['*', [MISSING, MISSING]],
    ['[', [MISSING, MISSING]],
    ['[^', [MISSING, MISSING]],
    ['[a-]', [MISSING, MISSING]],
    ['a\\', [MISSING]],
    ['a(b|(c|d)', [MISSING]],
    ['x(?:1)', [MISSING, MISSING, MISSING]],
    ['a|', [BAD_OR, MISSING]],
    ['(a|b|)', [BAD_OR, BAD_OR, MISSING]],
    ['x|[a-]|b', [BAD_OR, MISSING, MISSING]],
  ])('makes no sense: %s', (expression, complaints) => {
    expect(Regex.from(expression)).toEqual(complaints);
  });

  it('is used although something is wrong with it', () => {
    expect(compile('a||b').complaints).toEqual([BAD_OR, MISSING]);
    expect(compile('|a').complaints).toEqual([MISSING]);
    expect(compile('a').complaints).toEqual([]);
  });

  it('takes no longer for what others go back and forth over', () => {
    const many = 'a'.repeat(30);
    expect(compile(`^${'a?'.repeat(30)}${many}$`).matches(many)).toBe(true);
    expect(compile('^((a*)*)*b$').matches(many.repeat(10))).toBe(false);
  });
});
