import { copyFileSync, truncateSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { cryptsetup, program, type RunResult, workspace } from '../suites/tools.ts';

/**
 * The same command line to both programs, on files of their own with the same content: exit status, standard
 * output and the last line on standard error must be the same (the lines before it are cryptsetup's full usage).
 */
interface Case {
  /** `$d` a LUKS2 image with two keyslots, `$1` one with one keyslot, `$x` no LUKS, `$s` no room, `$n` nothing there. */
  readonly args: string;
  readonly stdin?: string;
  readonly status: number;
  /** Compare the exit status alone, and say why. */
  readonly statusOnly?: string;
}

const CHEAP = '--pbkdf pbkdf2 --pbkdf-force-iterations 1000';
const BY_DM = 'cryptsetup needs the device mapper before it says why';
const EARLY = 'said here before a passphrase is asked for, as a mistake of the command line';
const WORDS = 'the messages differ on purpose';

const CASES: readonly Case[] = [
  // What is asked for
  { args: 'isLuks $d', status: 0 },
  { args: 'isLuks -v $d', status: 0 },
  { args: 'isLuks $x', status: 1 },
  { args: 'isLuks -v $x', status: 1 },
  { args: 'isLuks $n', status: 4 },
  { args: 'isLuks $k/luks1.img', status: 0 },
  { args: 'isLuks --type luks1 $k/luks1.img', status: 0 },
  { args: 'isLuks --type luks2 $k/luks1.img', status: 1 },
  { args: 'isLuks $d $x', status: 4 },
  { args: 'isLuks --type luks1 $d', status: 1 },
  { args: 'luksUUID $d', status: 0 },
  { args: 'luksUUID $n', status: 4 },
  { args: 'luksUUID --uuid zzz $d', status: 1 },
  { args: 'luksUUID --uuid 12345678-1234-1234-1234-123456789012 $d', status: 0 },
  { args: 'luksDump $d', status: 0 },
  { args: 'luksDump $x', status: 1 },
  { args: 'luksDump $n', status: 4 },
  { args: 'luksDump -q --dump-volume-key -d $k/one $d', status: 0 },
  { args: 'luksDump -q --dump-volume-key -d $k/wrong $d', status: 2 },
  // Opening
  { args: 'open --test-passphrase -d $k/one $d', status: 0 },
  { args: 'open --test-passphrase -d $k/two $d', status: 0 },
  { args: 'open --test-passphrase -d $k/wrong $d', status: 2 },
  { args: '--test-passphrase -S 1 --key-file=$k/one open $d', status: 2 },
  { args: 'luksOpen --test-passphrase -S 3 -d $k/one $d', status: 1 },
  { args: 'open --test-passphrase -d $k/none $d', status: 1 },
  { args: 'open --test-passphrase -d $k/one $x', status: 1 },
  { args: 'open --test-passphrase -d $k/one $n', status: 4 },
  { args: 'open --test-passphrase -d $k/one --header $n $d', status: 4 },
  { args: 'open --test-passphrase -d $k/one UUID=no-such-uuid', status: 4 },
  { args: 'open $d', status: 1 },
  { args: 'open --test-passphrase -d $k/long -l 3 $d', status: 0 },
  { args: 'open --test-passphrase -d $k/long --keyfile-offset 3 -l 3 $d', status: 0 },
  { args: 'open --test-passphrase -d $k/one -l 100 $d', status: 1 },
  { args: 'open --test-passphrase -d $k/one --keyfile-offset 100 $d', status: 1 },
  { args: 'open --test-passphrase -d $k/large $d', status: 1 },
  { args: 'open --test-passphrase -d $k/empty $d', status: 2 },
  { args: 'open --test-passphrase $d', stdin: 'one\nmore', status: 0 },
  { args: 'open --test-passphrase $d', stdin: 'one', status: 0 },
  { args: 'open --test-passphrase $d', stdin: '\n', status: 2 },
  { args: 'open --test-passphrase $d', stdin: '', status: 1 },
  { args: 'open --test-passphrase -d - $d', stdin: 'one\n', status: 2 },
  { args: 'open --test-passphrase -d - $d', stdin: 'one', status: 0 },
  { args: 'open --test-passphrase -d - $d', stdin: '', status: 1 },
  { args: 'open --test-passphrase -l 3 $d', stdin: 'oneandmore', status: 0 },
  { args: 'open --test-passphrase -l 30 $d', stdin: 'one', status: 1 },
  { args: 'open --test-passphrase --keyfile-offset 2 $d', stdin: 'xxone\n', status: 0 },
  { args: 'open --test-passphrase --volume-key-file $k/one $d', status: 1 },
  { args: 'open --test-passphrase --volume-key-file $k/none $d', status: 1 },
  { args: 'open --test-passphrase --volume-key-file $k/random $d', status: 2 },
  { args: 'open --test-passphrase -d $k/one -l 0 $d', status: 0 },
  { args: 'open --test-passphrase -d $k/one --keyfile-offset 0 $d', status: 0 },
  { args: 'open --test-passphrase -d /dev/null $d', status: 1 },
  { args: 'open --test-passphrase -d $k/one --header $d $x', status: 0 },
  { args: 'open --test-passphrase -d $k/one --header $d $n', status: 4 },
  { args: 'open --test-passphrase -d $k/two -S 1 $k/key.img', status: 0 },
  { args: 'open --test-passphrase --volume-key-file $k/random $k/key.img', status: 0 },
  { args: 'open --test-passphrase --volume-key-file $k/random -s 256 $k/key.img', status: 0 },
  // Keyslots
  { args: `luksAddKey ${CHEAP} -d $k/one $d /dev/null`, status: 1 },
  { args: `luksAddKey ${CHEAP} -d $k/one --new-keyfile $k/none $d $k/three`, status: 0 },
  { args: `luksAddKey ${CHEAP} -d $k/one --new-key-slot 32 $d $k/three`, status: 1, statusOnly: EARLY },
  { args: `luksChangeKey ${CHEAP} --volume-key-file $k/none -d $k/one $d $k/three`, status: 0 },
  { args: 'luksRemoveKey -v -d $k/two $d $k/one', status: 0 },
  { args: `luksAddKey -v ${CHEAP} -d $k/one $d $k/three`, status: 0, statusOnly: 'who unlocks is said here' },
  { args: `luksAddKey -v ${CHEAP} $d`, stdin: 'one\nthree\n', status: 0 },
  { args: `luksAddKey ${CHEAP} -d $k/wrong $d $k/three`, status: 2, statusOnly: 'cryptsetup says nothing' },
  { args: `luksAddKey ${CHEAP} -d $k/one --new-key-slot 1 $d $k/three`, status: 1 },
  { args: `luksAddKey ${CHEAP} -d $k/one -S 1 $d $k/three`, status: 1 },
  { args: `luksAddKey ${CHEAP} -d $k/one -S 40 $d $k/three`, status: 1, statusOnly: WORDS },
  { args: `luksAddKey ${CHEAP} -d $k/one $d $k/none`, status: 1 },
  { args: `luksChangeKey -v ${CHEAP} -d $k/one $d $k/three`, status: 0 },
  { args: `luksChangeKey ${CHEAP} -d $k/wrong $d $k/three`, status: 2 },
  { args: `luksChangeKey ${CHEAP} -S 4 -d $k/one $d $k/three`, status: 1 },
  { args: `luksChangeKey -v ${CHEAP} $d`, stdin: 'two\nthree\n', status: 0 },
  { args: 'luksRemoveKey -v $d $k/two', status: 0 },
  { args: 'luksRemoveKey $d $k/wrong', status: 2 },
  { args: 'luksRemoveKey -v $1 $k/one', status: 0 },
  { args: 'luksKillSlot -v $d 1 -d $k/one', status: 0 },
  { args: 'luksKillSlot -v $d 1 -d $k/two', status: 2 },
  { args: 'luksKillSlot -v $d 7', status: 1 },
  { args: 'luksKillSlot -v $1 0 -d $k/one', status: 0 },
  { args: 'luksKillSlot -v -q $d 1', stdin: 'wrong\n', status: 2 },
  { args: 'luksKillSlot -v $d 1', stdin: '', status: 0 },
  // Formatting
  { args: `luksFormat -q -v ${CHEAP} $x $k/one`, status: 0 },
  { args: `luksFormat -q -v ${CHEAP} -S 7 $x $k/one`, status: 0 },
  { args: `luksFormat -q ${CHEAP} $n $k/one`, status: 4 },
  { args: `luksFormat -q ${CHEAP} $x $k/none`, status: 1 },
  { args: `luksFormat -q ${CHEAP} $x`, stdin: '', status: 1 },
  { args: `luksFormat -q ${CHEAP} --uuid zz $x $k/one`, status: 1 },
  { args: `luksFormat -q ${CHEAP} -c bogus $x $k/one`, status: 1, statusOnly: BY_DM },
  { args: `luksFormat -q ${CHEAP} -h bogus $x $k/one`, status: 1, statusOnly: WORDS },
  { args: `luksFormat -q ${CHEAP} --luks2-metadata-size 17k $x $k/one`, status: 1, statusOnly: WORDS },
  { args: `luksFormat -q ${CHEAP} --offset 100 $x $k/one`, status: 1, statusOnly: WORDS },
  { args: `luksFormat -q ${CHEAP} -d /dev/null $x`, status: 1 },
  { args: `luksFormat -q ${CHEAP} -s 0 --luks2-keyslots-size 0 $x $k/one`, status: 0 },
  { args: `luksFormat -q ${CHEAP} -S 32 $x $k/one`, status: 1, statusOnly: EARLY },
  { args: `luksFormat -q ${CHEAP} --sector-size 4096 $k/odd.img $k/one`, status: 1 },
  { args: `luksFormat -q ${CHEAP} --sector-size 4096 --align-payload 7 $x $k/one`, status: 1 },
  { args: `luksFormat -q ${CHEAP} --sector-size 0 $x $k/one`, status: 1 },
  { args: `luksFormat -q ${CHEAP} $k/empty $k/one`, status: 1 },
  {
    args: `luksFormat -q ${CHEAP} $s $k/one`,
    status: 0,
    statusOnly: 'the warning is on standard error here',
  },
  { args: `luksFormat -q ${CHEAP} --header $n/header $x $k/one`, status: 1 },
  // Header backup
  { args: 'luksHeaderBackup $d', status: 1 },
  { args: 'luksHeaderBackup --header-backup-file $k/new $d', status: 0 },
  { args: 'luksHeaderBackup --header-backup-file $k/one $d', status: 1 },
  { args: 'luksHeaderBackup --header-backup-file $k/new2 $x', status: 1 },
  { args: 'luksHeaderRestore -q --header-backup-file $k/one $d', status: 1 },
  { args: 'luksHeaderRestore -q -v --header-backup-file $k/single.img $1', status: 0 },
  { args: 'luksHeaderRestore -q --header-backup-file $k/single.img $d', status: 0 },
  { args: 'luksHeaderRestore -q --header-backup-file $k/single.img $x', status: 0 },
  { args: 'luksHeaderRestore -q --header-backup-file $k/none $d', status: 1, statusOnly: WORDS },
  { args: 'luksHeaderRestore -q --header-backup-file $k/one $n', status: 4 },
  // Command lines
  { args: '', status: 1 },
  { args: 'bogus', status: 1 },
  { args: '--bogus', status: 1 },
  { args: 'open', status: 1 },
  { args: 'close', status: 1 },
  { args: 'luksUUID', status: 1 },
  { args: '--label x open $d name', status: 1 },
  { args: 'luksFormat --allow-discards $x', status: 1 },
  { args: 'luksFormat --key-size 100 $x', status: 1 },
  { args: 'luksFormat --pbkdf bogus $x', status: 1 },
  { args: 'luksFormat --pbkdf-force-iterations 1000 -i 100 $x', status: 1 },
  { args: 'luksFormat --sector-size 1000 $x', status: 1 },
  { args: 'luksFormat --use-random --use-urandom $x', status: 1 },
  { args: 'luksFormat --keyslot-cipher aes-xts-plain64 $x', status: 1 },
  { args: 'luksFormat --align-payload 8 --offset 32768 $x', status: 1 },
  { args: 'open -d $k/one -d $k/two $d name', status: 1 },
  { args: 'open --persistent --test-passphrase $d', status: 1 },
  { args: 'open -S -1 $d name', status: 1 },
  { args: 'close --deferred --cancel-deferred name', status: 1 },
  { args: 'close no-such-name', status: 4, statusOnly: BY_DM },
  { args: '--test-args open $d name', status: 0 },
  { args: '--usage', status: 0, statusOnly: WORDS },
  { args: '--help', status: 0, statusOnly: WORDS },
  { args: '-?', status: 0, statusOnly: WORDS },
  { args: '-V', status: 0, statusOnly: WORDS },
];

describe.skipIf(!requires('cryptsetup', 'build'))('what tscrypt says and how it ends', () => {
  const files = workspace();

  beforeAll(async () => {
    const make = async (name: string, ...keys: string[]): Promise<void> => {
      const image = files.file(name);
      writeFileSync(image, '');
      truncateSync(image, 18 * 1024 * 1024);
      const [first = '', ...others] = keys.map((key) => files.file(key));
      const cheap = CHEAP.split(' ');
      expect(await cryptsetup(['luksFormat', '-q', ...cheap, image, first])).toMatchObject({ status: 0 });
      for (const key of others) {
        const added = await cryptsetup(['luksAddKey', '-q', ...cheap, '-d', first, image, key]);
        expect(added).toMatchObject({ status: 0 });
      }
    };
    for (const name of ['one', 'two', 'three', 'wrong']) writeFileSync(files.file(name), name);
    writeFileSync(files.file('long'), 'oneone');
    writeFileSync(files.file('empty'), '');
    writeFileSync(files.file('random'), Buffer.alloc(64, 7));
    writeFileSync(files.file('large'), '');
    truncateSync(files.file('large'), 9 * 1024 * 1024);
    writeFileSync(files.file('zeros.img'), '');
    truncateSync(files.file('zeros.img'), 18 * 1024 * 1024);
    const luks1 = files.file('luks1.img');
    writeFileSync(luks1, '');
    truncateSync(luks1, 4 * 1024 * 1024);
    expect(
      await cryptsetup(['luksFormat', '-q', '--type', 'luks1', '-i', '10', luks1, files.file('one')]),
    ).toMatchObject({ status: 0 });
    writeFileSync(files.file('odd.img'), '');
    truncateSync(files.file('odd.img'), 18 * 1024 * 1024 + 512);
    const image = files.file('key.img');
    copyFileSync(files.file('zeros.img'), image);
    const cheap = CHEAP.split(' ');
    const format = ['luksFormat', '-q', ...cheap, '--volume-key-file', files.file('random'), image];
    expect(await cryptsetup([...format, files.file('one')])).toMatchObject({ status: 0 });
    const unbound = ['luksAddKey', '-q', ...cheap, '--unbound', '-s', '256', '-d', files.file('one'), image];
    expect(await cryptsetup([...unbound, files.file('two')])).toMatchObject({ status: 0 });
    await make('double.img', 'one', 'two');
    await make('single.img', 'one');
  });

  it.each(CASES)('$args', async ({ args, stdin = '', status, statusOnly }) => {
    const theirs = await runOn('theirs', args, stdin, cryptsetup);
    const ours = await runOn('ours', args, stdin, (words, options) => program('tscrypt', words, options));
    expect(theirs.status, theirs.stderr).toBe(status);
    expect(ours.status, ours.stderr).toBe(status);
    if (statusOnly !== undefined) return;
    expect(ours.stdout).toBe(theirs.stdout.replace(/^No usable token is available\.\n/m, ''));
    expect(lastLine(ours.stderr)).toBe(lastLine(theirs.stderr).replace(/^cryptsetup: /, 'tscrypt: '));
  });

  type Run = (args: string[], options: { stdin: string; env: Record<string, string> }) => Promise<RunResult>;

  /** The files have the same names for both programs, since messages name them. */
  async function runOn(who: string, args: string, stdin: string, run: Run): Promise<RunResult> {
    const names: Record<string, string> = {
      $d: files.file('d.img'),
      $1: files.file('1.img'),
      $x: files.file('x.img'),
      $s: files.file('s.img'),
      $n: files.file('not-there'),
    };
    copyFileSync(files.file('double.img'), files.file('d.img'));
    copyFileSync(files.file('single.img'), files.file('1.img'));
    copyFileSync(files.file('zeros.img'), files.file('x.img'));
    writeFileSync(files.file('s.img'), Buffer.alloc(1024 * 1024));
    const words = args.split(' ').filter((word) => word !== '');
    const argv = words.map((word) => {
      const path = word.replace('$k/new', files.file(`${who}-new`)).replace('$k', files.path);
      return names[word] ?? path;
    });
    return run(argv, { stdin, env: files.env });
  }
});

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
