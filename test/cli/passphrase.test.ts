import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { check, cryptsetup, program, workspace } from '../suites/tools.ts';
import { onTerminal, type Step, tscryptOnTerminal } from './terminal.ts';

const CHEAP = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
const TEST = ['open', '--test-passphrase'];

/** A person who waits for a prompt, then types. */
function answer(prompt: string, text: string | Uint8Array): Step[] {
  return [{ expect: prompt }, { send: text }];
}

describe.skipIf(!requires('build', 'python3'))('passphrases at a terminal', () => {
  const files = workspace();
  let image = '';
  let prompt = '';

  beforeAll(async () => {
    image = files.file('disk.img');
    prompt = `Enter passphrase for ${image}: `;
    await check('truncate', ['-s', '20M', image]);
    writeFileSync(files.file('key'), 'first');
    const made = await program('tscrypt', ['luksFormat', ...CHEAP, image, files.file('key')]);
    expect(made, made.stderr).toMatchObject({ status: 0 });
  });

  it('shows the prompt, hides what is typed, and leaves the terminal as it was', async () => {
    const result = await tscryptOnTerminal(
      [...TEST, image],
      [{ expect: prompt }, 'look', { send: 'first\r' }],
    );
    expect(result).toEqual({ shown: `${prompt}\n`, exit: 0, looks: [false], echoes: true });
  });

  it('asks three times', async () => {
    const wrong = answer(prompt, 'wrong\r');
    const result = await tscryptOnTerminal([...TEST, image], [...wrong, ...wrong, ...wrong]);
    expect(result.exit).toBe(2);
    expect(result.shown).toBe(`${prompt}\nNo key available with this passphrase.\n`.repeat(3));
  });

  it('lets the second try succeed, and --tries decide how many there are', async () => {
    const steps = [...answer(prompt, 'wrong\r'), ...answer(prompt, 'first\r')];
    expect(await tscryptOnTerminal([...TEST, image], steps)).toMatchObject({ exit: 0 });
    expect(await tscryptOnTerminal([...TEST, '-T1', image], steps.slice(0, 2))).toMatchObject({ exit: 2 });
  });

  it('understands backspace and Ctrl-U', async () => {
    const steps = answer(prompt, 'rubbish\x15firsx\x7ft\r');
    expect(await tscryptOnTerminal([...TEST, image], steps)).toMatchObject({ exit: 0 });
  });

  it.each([
    ['Ctrl-C', { send: '\x03' }, 1],
    ['Ctrl-D', { send: '\x04' }, 1],
    ['SIGTERM', { signal: 'SIGTERM' }, -15],
    ['SIGINT', { signal: 'SIGINT' }, -2],
    ['SIGHUP', { signal: 'SIGHUP' }, -1],
  ] as const)('restores the terminal after %s', async (_name, step, exit) => {
    const result = await tscryptOnTerminal([...TEST, image], [{ expect: prompt }, 'look', step]);
    expect(result).toMatchObject({ exit, looks: [false], echoes: true });
  });

  it('gives up after the timeout', async () => {
    const result = await tscryptOnTerminal([...TEST, '-t', '1', image], [{ expect: prompt }]);
    expect(result).toMatchObject({ exit: 1, echoes: true });
    expect(result.shown).toContain('Error reading passphrase from terminal.');
  });

  it('trims what is beyond 512 bytes, and says so', async () => {
    const steps = answer(prompt, `${'x'.repeat(600)}\r`);
    const { shown } = await tscryptOnTerminal([...TEST, '-T1', image], steps);
    expect(shown).toContain('Read stopped at maximal interactive input length, passphrase can be trimmed.');
  });

  it('asks for a new passphrase twice, and compares', async () => {
    const args = ['luksAddKey', ...CHEAP, image];
    const existing = answer('Enter any existing passphrase: ', 'first\r');
    const fresh = answer('Enter new passphrase for key slot: ', 'second\r');
    const differs = await tscryptOnTerminal(args, [
      ...existing,
      ...fresh,
      ...answer('Verify passphrase: ', 'secomd\r'),
    ]);
    expect(differs.exit).toBe(2);
    expect(differs.shown).toContain('Passphrases do not match.');
    const same = await tscryptOnTerminal(args, [
      ...existing,
      ...fresh,
      ...answer('Verify passphrase: ', 'second\r'),
    ]);
    expect(same, same.shown).toMatchObject({ exit: 0 });
    expect(await program('tscrypt', [...TEST, image], { stdin: 'second\n' })).toMatchObject({ status: 0 });
  });

  it('asks once with --batch-mode, and changes', async () => {
    const changed = await tscryptOnTerminal(
      ['luksChangeKey', '-q', ...CHEAP, image],
      [
        ...answer('Enter passphrase to be changed: ', 'second\r'),
        ...answer('Enter new passphrase: ', 'third\r'),
      ],
    );
    expect(changed, changed.shown).toMatchObject({ exit: 0 });
  });

  it('asks before the last keyslot goes, and only YES means yes', async () => {
    const args = ['luksRemoveKey', image];
    const first = await tscryptOnTerminal(args, answer('Enter passphrase to be deleted: ', 'third\r'));
    expect(first, first.shown).toMatchObject({ exit: 0 });
    const last: Step[] = [
      ...answer('Enter passphrase to be deleted: ', 'first\r'),
      { expect: 'This is the last keyslot. Device will become unusable after purging this key.' },
      { expect: "Are you sure? (Type 'yes' in capital letters):" },
      { send: 'yes\r' },
    ];
    const refused = await tscryptOnTerminal(args, last);
    expect(refused, refused.shown).toMatchObject({ exit: 2, echoes: true });
    expect(refused.shown).toContain('Operation aborted, the keyslot was NOT wiped.');
    // Where the cursor goes is written there too, but no colour.
    expect(refused.shown).not.toMatch(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`));
    expect(await program('tscrypt', [...TEST, image], { stdin: 'first\n' })).toMatchObject({ status: 0 });
  });

  it('asks before a device is overwritten', async () => {
    const before = readFileSync(image);
    const steps: Step[] = [
      { expect: `already contains a 'crypto_LUKS' superblock signature.` },
      { expect: 'WARNING!\n========\n'.replaceAll('\n', '\r\n') },
      { expect: `This will overwrite data on ${image} irrevocably.` },
      { expect: 'capital letters):' },
      { send: 'no\r' },
    ];
    const refused = await tscryptOnTerminal(['luksFormat', ...CHEAP, image], steps);
    expect(refused, refused.shown).toMatchObject({ exit: 1 });
    expect(refused.shown).toContain('Operation aborted.');
    expect(readFileSync(image).equals(before)).toBe(true);
  });

  describe.skipIf(!requires('cryptsetup'))('of bytes that are no text', () => {
    const bytes = Uint8Array.of(0x61, 0xff, 0xfe, 0x62, 0x80);
    const typedBytes = Uint8Array.of(...bytes, 0x0d);

    it('are the same to cryptsetup, typed here or there', async () => {
      const other = files.file('bytes.img');
      await check('truncate', ['-s', '20M', other]);
      const ask = `Enter passphrase for ${other}: `;
      const yes = answer("Are you sure? (Type 'yes' in capital letters):", 'YES\r');
      const made = await tscryptOnTerminal(
        ['luksFormat', ...CHEAP, other],
        [...yes, ...answer(ask, typedBytes), ...answer('Verify passphrase: ', typedBytes)],
      );
      expect(made, made.shown).toMatchObject({ exit: 0 });
      expect(await cryptsetup([...TEST, '--key-file', '-', other], { stdin: bytes })).toMatchObject({
        status: 0,
      });
      const locks = process.getuid?.() === 0 ? [] : ['--disable-locks'];
      const stock = ['cryptsetup', ...TEST, ...locks, other];
      // Stock asks before it hides, and then forgets what was typed until then.
      const type: Step[] = [{ expect: ask }, 'hidden', { send: Uint8Array.of(...bytes, 0x0a) }];
      expect(await onTerminal(stock, type)).toMatchObject({ exit: 0 });
      const again = await tscryptOnTerminal([...TEST, other], answer(ask, typedBytes));
      expect(again, again.shown).toMatchObject({ exit: 0 });
    });
  });
});
