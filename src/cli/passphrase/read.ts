import { equalConstantTime, type Secret } from '../../crypto/index.ts';
import { TscryptError } from '../../errors.ts';
import { readKeyFile } from '../../volume/index.ts';
import type { Ui } from '../ui.ts';
import { askHidden, canAsk } from './terminal.ts';

export interface PassphraseRequest {
  /** As cryptsetup asks, with the trailing blank. */
  readonly prompt: string;
  /** A key file, `-` for standard input; unless given, the terminal, or standard input up to a newline. */
  readonly keyFile?: string | undefined;
  /** Bytes to skip, and to read, of a key file or standard input. */
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
  /** Ask a second time and compare. */
  readonly verify?: boolean | undefined;
  readonly timeoutSeconds?: number | undefined;
}

/** Whether a person will be asked, rather than a file or a pipe read. */
export function isInteractive(keyFile: string | undefined): boolean {
  return (keyFile === undefined || keyFile === '-') && canAsk();
}

/**
 * A passphrase, from where cryptsetup takes it: the key file, whole; else the terminal, if standard input is
 * one; else standard input, up to the first newline, or whole with `-`.
 *
 * @throws TscryptError INVALID_ARGUMENT (nothing to read, unreadable, cut short), WRONG_PASSPHRASE (the two
 *   differ)
 */
export async function readPassphrase(request: PassphraseRequest, ui: Ui): Promise<Secret> {
  const { keyFile, offset, size } = request;
  if (isInteractive(keyFile)) return askTwice(request);
  if (request.verify && (keyFile === undefined || keyFile === '-'))
    ui.warn("Can't do passphrase verification on non-tty inputs.");
  if (keyFile !== undefined) return readKeyFile(keyFile, { offset, size });
  const passphrase = await readKeyFile('-', { offset, size, untilNewline: true });
  if (size === undefined || passphrase.length === size) return passphrase;
  passphrase.dispose();
  throw new TscryptError('INVALID_ARGUMENT', 'Cannot read requested amount of data.');
}

async function askTwice(request: PassphraseRequest): Promise<Secret> {
  if (request.offset !== undefined)
    throw new TscryptError('INVALID_ARGUMENT', 'Cannot use offset with terminal input.');
  const timeoutMs = request.timeoutSeconds ? request.timeoutSeconds * 1000 : undefined;
  const passphrase = await askHidden(request.prompt, { timeoutMs });
  if (!request.verify) return passphrase;
  try {
    using again = await askHidden('Verify passphrase: ', { timeoutMs });
    if (equalConstantTime(passphrase.bytes, again.bytes)) return passphrase;
    throw new TscryptError('WRONG_PASSPHRASE', 'Passphrases do not match.');
  } catch (error) {
    passphrase.dispose();
    throw error;
  }
}
