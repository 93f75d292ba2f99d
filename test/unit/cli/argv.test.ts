import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCommandLine, resolveAction, toOclifArgv } from '../../../src/cli/flags/argv.ts';
import { isUsageError } from '../../../src/cli/flags/values.ts';
import { TscryptError } from '../../../src/errors.ts';

function given(...argv: string[]): Record<string, readonly string[]> {
  return Object.fromEntries(readCommandLine(argv).given);
}

function usageErrorOf(...argv: string[]): string {
  try {
    resolveAction(readCommandLine(argv));
  } catch (error) {
    expect(isUsageError(error)).toBe(true);
    expect((error as TscryptError).exitCode).toBe(1);
    return (error as TscryptError).message;
  }
  throw new Error('no error');
}

describe('a command line', () => {
  it('takes options anywhere', () => {
    const line = readCommandLine([
      '-v',
      '--type',
      'luks2',
      'open',
      '-d',
      'key',
      'disk',
      '--readonly',
      'name',
    ]);
    expect(line.action).toBe('open');
    expect(line.operands).toEqual(['disk', 'name']);
    expect(Object.fromEntries(line.given)).toEqual({
      verbose: [''],
      type: ['luks2'],
      'key-file': ['key'],
      readonly: [''],
    });
  });

  it.each([
    [['--key-size=256'], { 'key-size': ['256'] }],
    [['--key-size', '256'], { 'key-size': ['256'] }],
    [['-s256'], { 'key-size': ['256'] }],
    [['-s', '256'], { 'key-size': ['256'] }],
    [['-s=256'], { 'key-size': ['256'] }],
    [['-qv'], { 'batch-mode': [''], verbose: [''] }],
    [['-qvs256'], { 'batch-mode': [''], verbose: [''], 'key-size': ['256'] }],
    [['-d', '-'], { 'key-file': ['-'] }],
    [['-d-'], { 'key-file': ['-'] }],
    [['--key-file='], { 'key-file': [''] }],
    [['-d', '-d'], { 'key-file': ['-d'] }],
    [['--master-key-file', 'k'], { 'volume-key-file': ['k'] }],
    [['--dump-master-key'], { 'dump-volume-key': [''] }],
    [['-d', 'a', '-d', 'b'], { 'key-file': ['a', 'b'] }],
  ])('reads %j as popt does', (argv, expected) => {
    expect(given(...argv)).toEqual(expected);
  });

  it('ends options at --, and takes - for an operand', () => {
    const line = readCommandLine(['open', '--', '-q', '--bogus']);
    expect(line.operands).toEqual(['-q', '--bogus']);
    expect(readCommandLine(['luksFormat', 'disk', '-']).operands).toEqual(['disk', '-']);
  });

  it.each([
    ['luksOpen', 'open'],
    ['remove', 'close'],
    ['luksClose', 'close'],
    ['isLuks', 'isLuks'],
  ])('knows %s', (word, action) => {
    expect(readCommandLine([word]).action).toBe(action);
  });

  it.each([
    [[], 'Argument <action> missing.'],
    [['bogus'], 'Unknown action.'],
    [['open'], 'open: requires <device> [--type <type>] [<name>] as arguments'],
    [['luksKillSlot', 'disk'], 'luksKillSlot: requires <device> <key slot> as arguments'],
    [['open', 'a', 'b', 'c'], 'open: too many arguments'],
    [['--bogus'], '--bogus: unknown option'],
    [['--verb'], '--verb: unknown option'],
    [['-x'], '-x: unknown option'],
    [['open', 'a', '--key-file'], '--key-file: missing argument'],
    [['open', 'a', '-d'], '-d: missing argument'],
    [['--verbose=1'], '--verbose: option does not take an argument'],
    [['open', 'a', '--key-size', 'abc'], '--key-size: invalid numeric value'],
    [['open', 'a', '-l', '12Q'], '-l: invalid numeric value'],
    [['open', 'a', '--label', 'x'], 'Option --label is not allowed with open action.'],
    [
      ['--allow-discards', 'luksFormat', 'a'],
      'Option --allow-discards is not allowed with luksFormat action.',
    ],
    [['open', 'a', '-d', 'x', '-d', 'y'], 'Only one --key-file argument is allowed.'],
    [['reencrypt', 'a'], 'Action reencrypt is not available in this version.'],
  ])('refuses %j', (argv, message) => {
    expect(usageErrorOf(...argv)).toBe(message);
  });

  it('gives isLuks with two devices cryptsetup’s exit code', () => {
    const line = readCommandLine(['isLuks', 'a', 'b']);
    expect(() => resolveAction(line)).toThrow(TscryptError);
    try {
      resolveAction(line);
    } catch (error) {
      expect((error as TscryptError).details.exitCode).toBe(4);
    }
  });

  it.each([
    [['--help'], 'help'],
    [['open', '-?'], 'help'],
    [['--usage'], 'usage'],
    [['-V'], 'version'],
    [['-qV'], 'version'],
    [['open', '--version', '--help'], 'version'],
    [['open', '-d', '--help'], 'action'],
  ])('%j asks for %s', (argv, wants) => {
    expect(readCommandLine(argv).wants).toBe(wants);
  });

  it('becomes options first, then operands that cannot be taken for options', () => {
    const line = readCommandLine(['luksFormat', '-q', 'disk', '-s', '512', '--', '--key']);
    expect(toOclifArgv(line)).toEqual(['--batch-mode', '--key-size=512', '--', 'disk', '--key']);
  });

  it('leaves out numbers of 0, which ask for the default, except where 0 is a number like any other', () => {
    const line = readCommandLine(['luksAddKey', 'disk', '-l0', '--new-keyfile-size=0', '-S', '0', '-T0']);
    expect(toOclifArgv(line)).toEqual(['--key-slot=0', '--tries=0', '--', 'disk']);
  });

  it('never fails but with a usage error', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('open', 'luksFormat', '-q', '-s', '--key-size', '--', '-', '-qvs1', '--type=luks'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
        try {
          resolveAction(readCommandLine(argv));
        } catch (error) {
          expect(error).toBeInstanceOf(TscryptError);
        }
      }),
    );
  });
});
