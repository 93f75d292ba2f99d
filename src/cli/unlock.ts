import type { Secret } from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import { isBound } from '../luks2/index.ts';
import { type LuksVolume, readKeyFile, type Unlocked } from '../volume/index.ts';
import type { Options } from './flags/registry.ts';
import { isInteractive, type PassphraseRequest, readPassphrase } from './passphrase/read.ts';
import type { Ui } from './ui.ts';

const DEFAULT_TRIES = 3;

/** Where the existing passphrase comes from, by the options every action takes. */
export function existingPassphrase(options: Options, prompt: string, keyFile?: string): PassphraseRequest {
  return {
    prompt,
    keyFile: options['key-file'] ?? keyFile,
    offset: options['keyfile-offset'],
    size: options['keyfile-size'],
    verify: options['verify-passphrase'],
    timeoutSeconds: options.timeout,
  };
}

/** Of the two places a key file may be named in, the option counts. */
export function warnOfKeyFileOperand(options: Options, operand: string | undefined, ui: Ui): void {
  if (operand !== undefined && options['key-file'] !== undefined)
    ui.warn('Option --key-file takes precedence over specified key file argument.');
}

/** Where a new passphrase comes from: asked for twice on a terminal, unless `--batch-mode`. */
export function newPassphrase(
  options: Options,
  prompt: string,
  keyFile: string | undefined,
): PassphraseRequest {
  return {
    prompt,
    keyFile,
    offset: options['new-keyfile-offset'],
    size: options['new-keyfile-size'],
    verify: verifyWanted(options, keyFile),
    timeoutSeconds: options.timeout,
  };
}

/** Whether a new passphrase is to be entered twice. */
export function verifyWanted(options: Options, keyFile: string | undefined): boolean {
  return (options['verify-passphrase'] ?? false) || (!options['batch-mode'] && isInteractive(keyFile));
}

/**
 * The volume key, by `--volume-key-file` or by a passphrase. The caller disposes of it.
 *
 * @throws TscryptError WRONG_PASSPHRASE, NO_SUCH_OBJECT, INVALID_ARGUMENT
 */
export async function unlock(
  volume: LuksVolume,
  request: PassphraseRequest & {
    readonly keyslot?: number | undefined;
    readonly unbound?: boolean;
    readonly tries?: number;
  },
  options: Options,
  ui: Ui,
): Promise<Unlocked> {
  const keyFile = options['volume-key-file'];
  if (keyFile !== undefined) {
    using volumeKey = await readVolumeKey(volume, keyFile, options);
    // Awaited here: the key is disposed of when this block is left.
    return await volume.unlock({ kind: 'volumeKey', volumeKey });
  }
  for (let left = request.tries ?? 1; ; left--) {
    using passphrase = await readPassphrase(request, ui);
    try {
      const { keyslot, unbound } = request;
      const unlocked = await volume.unlock({ kind: 'passphrase', passphrase, keyslot, unbound });
      ui.verbose(`Key slot ${unlocked.keyslot} unlocked.`);
      return unlocked;
    } catch (error) {
      if (!(error instanceof TscryptError)) throw error;
      if (error.code === 'NO_SUCH_OBJECT') throw noUsableKeyslot(error, request.keyslot);
      if (left <= 1 || error.code !== 'WRONG_PASSPHRASE') throw error;
      ui.warn(error.message);
    }
  }
}

function noUsableKeyslot(cause: TscryptError, keyslot: number | undefined): TscryptError {
  return new TscryptError('NO_SUCH_OBJECT', 'No usable keyslot is available.', {
    details: { keyslot: keyslot ?? 'any' },
    cause,
  });
}

/** How often a passphrase may be tried: `--tries` on a terminal; a file or pipe says the same thing again. */
export function triesOf(options: Options, keyFile = options['key-file']): number {
  return isInteractive(keyFile) ? (options.tries ?? DEFAULT_TRIES) : 1;
}

/** A key as long as the volume's; a longer file gives its first bytes, as with cryptsetup. */
async function readVolumeKey(volume: LuksVolume, file: string, options: Options): Promise<Secret> {
  const { metadata } = volume.header;
  // Of a keyslot that holds the volume's own key; others may lie beside it.
  const keyslot = volume.activeKeyslots().find((id) => isBound(metadata, id));
  const given = options['key-size'];
  const size = keyslot === undefined ? given && given / 8 : metadata.keyslots[keyslot]?.key_size;
  if (size === undefined) {
    throw new TscryptError(
      'INVALID_ARGUMENT',
      'Cannot determine volume key size for LUKS without keyslots, please use --key-size option.',
    );
  }
  return readVolumeKeyFile(file, size);
}

/** @param size bytes */
export async function readVolumeKeyFile(file: string, size: number): Promise<Secret> {
  try {
    return await readKeyFile(file, { size });
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    const missing = error.errno === 'ENOENT' || error.errno === 'EACCES';
    throw new TscryptError(
      'INVALID_ARGUMENT',
      missing ? `Cannot read keyfile ${file}.` : `Cannot read ${size} bytes from keyfile ${file}.`,
      { details: { file, size }, cause: error },
    );
  }
}
