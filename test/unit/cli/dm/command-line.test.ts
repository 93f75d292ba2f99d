import { describe, expect, it } from 'vitest';
import { readDmCommandLine } from '../../../../src/cli/dm/command-line.ts';
import { DM_COMMAND_NAMES, dmCommandSpec } from '../../../../src/cli/dm/commands.ts';
import { DM_OPTION_NAMES, dmOptionSpec } from '../../../../src/cli/dm/options.ts';
import { commandHelp, usageText } from '../../../../src/cli/dm/usage.ts';
import { DM_COMMAND_TABLE } from '../../../../src/commands/dm/index.ts';

const read = (...argv: string[]) => readDmCommandLine('dmsetup', argv);

describe('a command line of tsdmsetup', () => {
  it('has options anywhere', () => {
    expect(read('-v', 'status', 'one', '--target', 'linear', 'two')).toEqual({
      words: ['status', 'one', 'two'],
      options: { verbose: 1, target: 'linear' },
    });
  });

  it('takes arguments in every way that getopt does', () => {
    for (const given of [['-u', 'U'], ['-uU'], ['--uuid', 'U'], ['--uuid=U'], ['--uu=U'], ['--uui', 'U']])
      expect(read(...given).options).toEqual({ uuid: 'U' });
    expect(read('-u', '-v').options).toEqual({ uuid: '-v' });
    expect(read('--uuid=').options).toEqual({ uuid: '' });
    expect(read('--table', '').options).toEqual({ table: '' });
    expect(read('-u=U').options).toEqual({ uuid: '=U' });
  });

  it('joins short options, of which the last may take an argument', () => {
    expect(read('-ryvvuU').options).toEqual({ readonly: true, yes: true, verbose: 2, uuid: 'U' });
    expect(read('-vj4095', '-m', '7').options).toEqual({ verbose: 1, major: 4095, minor: 7 });
  });

  it('counts -v, and lets the last of other options count', () => {
    expect(read('-v', '--verbose', '-uA', '-uB').options).toEqual({ verbose: 2, uuid: 'B' });
  });

  it('ends options at --, and takes - for an operand', () => {
    expect(read('message', 'd', '0', '-').words).toEqual(['message', 'd', '0', '-']);
    expect(read('-v', '--', 'message', '-1', '--table')).toEqual({
      words: ['message', '-1', '--table'],
      options: { verbose: 1 },
    });
  });

  it('prefers the whole name to a longer one', () => {
    expect(read('--area').options).toEqual({ area: true });
    expect(read('--areas', '3').options).toEqual({ areas: 3 });
  });

  it.each([
    [['--bogus'], "dmsetup: unrecognized option '--bogus'"],
    [['-vZ'], "dmsetup: invalid option -- 'Z'"],
    [['--table'], "dmsetup: option '--table' requires an argument"],
    [['--tab'], "dmsetup: option '--table' requires an argument"],
    [['-vo'], "dmsetup: option requires an argument -- 'o'"],
    [['--noh=x'], "dmsetup: option '--noheadings' doesn't allow an argument"],
    [['--ta'], "dmsetup: option '--ta' is ambiguous; possibilities: '--table' '--target'"],
    [['--major', '7'], 'Please specify both major number and minor number.'],
    [['-n', '--table', 'x'], '--table and --notable are incompatible.'],
    [['--addnodeoncreate', '--addnodeonresume'], '--addnodeonresume and --addnodeoncreate are incompatible.'],
    [['--manglename', 'x'], 'Unknown name mangling mode.'],
    [['--count=-1'], 'Count must be zero or greater.'],
    [['--interval=0'], 'Interval must be a positive integer.'],
    [['--mode=8'], 'Invalid argument for --mode: 8. '],
    [['--readahead=-5'], 'Negative read ahead value (-5) is not understood.'],
    [['-jx', '-m0'], 'Invalid number "x" for --major.'],
  ])('refuses %j', (argv, message) => {
    expect(() => read(...argv)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message }) as Error,
    );
  });
});

describe('the registries of commands and options', () => {
  it('give no letter twice, and every argument a placeholder', () => {
    const letters = DM_OPTION_NAMES.flatMap((name) => [...(dmOptionSpec(name).short ?? '')]);
    expect(new Set(letters).size).toBe(letters.length);
    for (const name of DM_OPTION_NAMES) {
      const { kind, unit } = dmOptionSpec(name);
      expect(unit !== undefined, name).toBe(kind === 'text' || kind === 'number');
    }
  });

  it('name commands that there are', () => {
    expect(Object.keys(DM_COMMAND_TABLE).sort()).toEqual([...DM_COMMAND_NAMES].sort());
    for (const name of DM_OPTION_NAMES) {
      const { commands } = dmOptionSpec(name);
      if (commands !== 'all') expect(DM_COMMAND_NAMES, name).toEqual(expect.arrayContaining([...commands]));
    }
  });

  it('are what help shows', () => {
    const usage = usageText('tsdmsetup');
    for (const name of DM_COMMAND_NAMES) {
      expect(usage).toContain(`\n\t${name} `);
      expect(commandHelp('tsdmsetup', name)).toContain(`\n${name} - ${dmCommandSpec(name).summary}\n`);
    }
    expect(commandHelp('tsdmsetup', 'table')).toContain('--showkeys');
    expect(commandHelp('tsdmsetup', 'clear')).not.toContain('--showkeys');
    for (const line of commandHelp('tsdmsetup', 'create').split('\n').slice(2))
      expect(line.length, line).toBeLessThanOrEqual(80);
  });
});
