import { describe, expect, it } from 'vitest';
import { ACTION_NAMES, ACTIONS } from '../../../src/cli/flags/actions.ts';
import { checkOptions } from '../../../src/cli/flags/checks.ts';
import { argumentsOf, flagsOf } from '../../../src/cli/flags/oclif.ts';
import { OPTION_NAMES, type Options, optionSpec } from '../../../src/cli/flags/registry.ts';
import { parseNumber, parseValue } from '../../../src/cli/flags/values.ts';
import { actionHelp, programHelp, usage } from '../../../src/cli/help.ts';
import { activationOf, formatOf, mappedName, pbkdfOf } from '../../../src/cli/volume-options.ts';
import { TscryptError } from '../../../src/errors.ts';

describe('the registry of options', () => {
  it('gives no name twice', () => {
    const longs = OPTION_NAMES.flatMap((name) => [name, ...(optionSpec(name).aliases ?? [])]);
    const shorts = OPTION_NAMES.flatMap((name) => optionSpec(name).short ?? []);
    expect(new Set(longs).size).toBe(longs.length);
    expect(new Set(shorts).size).toBe(shorts.length);
    expect(shorts.every((short) => short.length === 1)).toBe(true);
  });

  it('gives every value a placeholder, and no flag one', () => {
    for (const name of OPTION_NAMES) {
      const { kind, unit } = optionSpec(name);
      expect(unit === undefined, name).toBe(kind === 'boolean');
    }
  });

  it('gives oclif every option and operand of an action', () => {
    expect(Object.keys(flagsOf('open'))).toContain('test-passphrase');
    expect(Object.keys(flagsOf('close'))).not.toContain('test-passphrase');
    expect(Object.keys(argumentsOf('luksKillSlot'))).toEqual(['device', 'keyslot']);
    expect(argumentsOf('open').name?.required).toBe(false);
    expect(argumentsOf('open').device?.required).toBe(true);
  });

  it('is what help shows', () => {
    const help = programHelp();
    for (const name of OPTION_NAMES) expect(help).toContain(`--${name}`);
    for (const name of ACTION_NAMES) {
      expect(help).toContain(`\t${name} `);
      expect(actionHelp(name)).toContain(ACTIONS[name].summary);
    }
    expect(actionHelp('close')).not.toContain('--cipher-');
    expect(actionHelp('close')).toContain('--deferred');
    expect(actionHelp('open')).not.toContain('--deferred');
    expect(usage()).toContain('[-s|--key-size=BITS]');
  });

  it('keeps help within 80 columns', () => {
    const lines = ACTION_NAMES.flatMap((name) => actionHelp(name).split('\n'));
    // Usage and examples are commands: they are not broken.
    const prose = lines.filter((line) => !/^(Usage: | {2}tscrypt )/.test(line));
    expect(prose.filter((line) => line.length > 80)).toEqual([]);
  });
});

describe('values', () => {
  it.each([
    ['0', 0],
    ['256', 256],
    ['0x100', 256],
    ['-1', -1],
    ['+5', 5],
    ['1.5', undefined],
    ['', undefined],
    ['12k', undefined],
    ['9007199254740993', undefined],
  ])('reads the number %j', (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });

  it.each([
    ['16k', 16_384],
    ['16KiB', 16_384],
    ['1KB', 1000],
    ['4S', 2048],
    ['0x1000', 4096],
    ['16M', 16 * 1024 * 1024],
  ])('reads the size %j', (text, value) => {
    expect(parseValue('size', '-l', text)).toBe(value);
  });
});

describe('checks of options against each other', () => {
  it.each<[Options, string]>([
    [{ 'key-size': 100 }, 'Key size must be a multiple of 8 bits'],
    [{ 'key-slot': -1 }, 'Key slot is invalid.'],
    [
      { json: true, 'dump-volume-key': true },
      'Option --dump-volume-key needs --volume-key-file with --json: keys are never written as JSON.',
    ],
    [{ 'new-key-slot': 32 }, 'Key slot 32 is invalid, please select between 0 and 31.'],
    [{ 'pbkdf-memory': 31 }, 'Forced memory cost is too low for argon2id (minimum is 32 kilobytes).'],
    [
      { 'pbkdf-memory': 4_194_305 },
      'Requested maximum PBKDF memory cost is too high (maximum is 4194304 kilobytes).',
    ],
    [{ tries: -1 }, '--tries: invalid numeric value'],
    [
      { pbkdf: 'scrypt' },
      'Password-based key derivation function (PBKDF) can be only pbkdf2 or argon2i/argon2id.',
    ],
    [
      { 'pbkdf-force-iterations': 1000, 'iter-time': 100 },
      'PBKDF forced iterations cannot be combined with iteration time option.',
    ],
    [{ 'pbkdf-force-iterations': 3 }, 'Forced iteration count is too low for argon2id (minimum is 4).'],
    [
      { pbkdf: 'pbkdf2', 'pbkdf-force-iterations': 999 },
      'Forced iteration count is too low for pbkdf2 (minimum is 1000).',
    ],
    [{ 'pbkdf-parallel': 5 }, 'Requested maximum PBKDF parallel cost is too high (maximum is 4).'],
    [
      { 'keyslot-cipher': 'aes-xts-plain64' },
      'Options --keyslot-cipher and --keyslot-key-size must be used together.',
    ],
    [{ 'align-payload': 8, offset: 32768 }, 'Options --align-payload and --offset cannot be combined.'],
    [{ 'use-random': true, 'use-urandom': true }, 'Only one of --use-[u]random options is allowed.'],
    [{ 'sector-size': 1000 }, 'Unsupported encryption sector size.'],
    [
      { persistent: true, 'test-passphrase': true },
      'Option --persistent is not allowed with --test-passphrase.',
    ],
    [
      { deferred: true, 'cancel-deferred': true },
      'Options --cancel-deferred and --deferred cannot be used at the same time.',
    ],
    [{ type: 'luks1' }, 'Device type luks1 is not available in this version; luks and luks2 are.'],
    [{ export: 'usb' }, 'Export usb is unknown; there are auto, ublk, nbd, fuse, socket.'],
    [
      { 'nbd-listen': 'h:1', 'nbd-tls-key': 'k' },
      'Options --nbd-tls-certificate and --nbd-tls-key must be used together.',
    ],
  ])('refuses %j', (options, message) => {
    expect(() => checkOptions(options, 'open')).toThrow(message);
  });

  it('lets what belongs together pass', () => {
    checkOptions({ pbkdf: 'pbkdf2', 'pbkdf-force-iterations': 1000, 'key-size': 512, type: 'luks' }, 'open');
    checkOptions({ type: 'luks1' }, 'isLuks');
  });
});

describe('options in the words of the library', () => {
  it('counts keys in bytes', () => {
    const format = formatOf({
      'key-size': 512,
      'keyslot-cipher': 'aes-xts-plain64',
      'keyslot-key-size': 256,
    });
    expect(format).toMatchObject({ keySize: 64, keyslotKeySize: 32, pbkdf: { type: 'argon2id' } });
  });

  it('measures for two seconds unless told otherwise', () => {
    expect(pbkdfOf({})).toEqual({ type: 'argon2id', iterTimeMs: 2000 });
    expect(pbkdfOf({ pbkdf: 'pbkdf2', 'pbkdf-force-iterations': 1000 })).toEqual({
      type: 'pbkdf2',
      forceIterations: 1000,
    });
  });

  it('names activation flags as headers do', () => {
    const options: Options = { 'allow-discards': true, 'perf-no_read_workqueue': true };
    expect(activationOf(options).flags).toEqual(['allow-discards', 'no-read-workqueue']);
  });

  it.each([
    ['127.0.0.1:10809', { host: '127.0.0.1', port: 10809 }],
    ['[::1]:10809', { host: '::1', port: 10809 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
  ])('listens on %s', (address, listen) => {
    expect(activationOf({ 'nbd-listen': address }).listen).toEqual(listen);
  });

  it.each(['10809', 'host', '::1:5', 'host:70000', 'host:-1'])('does not listen on %s', (address) => {
    expect(() => activationOf({ 'nbd-listen': address })).toThrow(TscryptError);
  });

  it('takes the path of a mapped device for its name', () => {
    expect(mappedName('/dev/mapper/home')).toBe('home');
    expect(mappedName('home')).toBe('home');
  });
});
