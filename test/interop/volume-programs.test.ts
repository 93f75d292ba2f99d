import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { cryptsetup, program, type RunOptions, type RunResult, workspace } from '../suites/tools.ts';
import {
  formatArguments,
  locationArguments,
  PASSPHRASE,
  VOLUME_SAMPLE,
  volumeFiles,
} from '../suites/volume-matrix.ts';

type Program = (args: readonly string[], options?: RunOptions) => Promise<RunResult>;
const tscrypt: Program = (args, options) => program('tscrypt', args, options);
const DIRECTIONS = VOLUME_SAMPLE.flatMap((volume) => [
  { volume, name: volume.name, maker: 'tscrypt', make: tscrypt },
  { volume, name: volume.name, maker: 'cryptsetup', make: cryptsetup },
]);

describe.skipIf(!requires('cryptsetup', 'build'))('tscrypt and cryptsetup with the same arguments', () => {
  const files = workspace();

  it.each(DIRECTIONS)('$name, made by $maker', async ({ volume, maker, make }) => {
    const location = await volumeFiles(files, `${maker}-${volume.name}`, volume, 64 * 1024);
    const made = await make(formatArguments(volume, location), { stdin: PASSPHRASE });
    expect(made, made.stderr).toMatchObject({ status: 0 });

    const key = { stdin: PASSPHRASE };
    await same(['open', '--test-passphrase', '--key-file', '-', ...locationArguments(location)], 0, key);
    const wrong = { stdin: 'wrong' };
    await same(['open', '--test-passphrase', '--key-file', '-', ...locationArguments(location)], 2, wrong);
    const header = location.header ?? location.device;
    await same(['luksDump', header], 0);
    await same(['luksDump', '--dump-json-metadata', header], 0);
  });

  it('both say what is LUKS', async () => {
    const location = await volumeFiles(files, 'some', { detached: false }, 0);
    await cryptsetup(formatArguments(VOLUME_SAMPLE[0]!, location), { stdin: PASSPHRASE });
    await same(['luksUUID', location.device], 0);
    await same(['isLuks', '--type', 'luks2', location.device], 0);
  });

  it('both refuse what is not LUKS', async () => {
    const { device } = await volumeFiles(files, 'empty', { detached: false }, 0);
    await same(['isLuks', device], 1);
    await same(['open', '--test-passphrase', '--key-file', '-', device], 1, { stdin: PASSPHRASE });
    await same(['luksDump', files.file('nothing-here')], 4);
  });
});

/** Both programs print the same on standard output and end with `status`. */
async function same(args: readonly string[], status: number, options?: RunOptions): Promise<void> {
  const [theirs, ours] = await Promise.all([cryptsetup(args, options), tscrypt(args, options)]);
  expect(theirs, theirs.stderr).toMatchObject({ status });
  expect(ours, ours.stderr).toMatchObject({ status });
  // Old versions of cryptsetup leave the last newline of the JSON out.
  expect(ours.stdout.replace(/\n?$/, '\n')).toBe(theirs.stdout.replace(/\n?$/, '\n'));
}
