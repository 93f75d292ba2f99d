import type { Secret } from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import { isBound } from '../luks2/index.ts';
import type { LuksVolume } from '../volume/index.ts';
import { aborted, confirm } from './confirm.ts';
import type { Options } from './flags/registry.ts';
import { isInteractive, readPassphrase } from './passphrase/read.ts';
import type { Ui } from './ui.ts';
import { existingPassphrase } from './unlock.ts';

/** The keyslots that open the volume; others hold keys of their own. */
export function volumeKeyslots(volume: LuksVolume): number[] {
  return volume.activeKeyslots().filter((keyslot) => isBound(volume.header.metadata, keyslot));
}

/** Without any keyslot a volume is lost; asks before the last one goes. */
export async function askBeforeLast(volume: LuksVolume, keyslot: number, ui: Ui): Promise<void> {
  const left = volumeKeyslots(volume);
  if (left.length > 1 || !left.includes(keyslot)) return;
  const text = 'This is the last keyslot. Device will become unusable after purging this key.';
  if (!(await confirm(text, ui))) throw aborted('Operation aborted, the keyslot was NOT wiped.');
}

export async function removeKeyslotAsked(volume: LuksVolume, keyslot: number, ui: Ui): Promise<void> {
  await askBeforeLast(volume, keyslot, ui);
  await volume.removeKeyslot(keyslot);
  ui.verbose(`Key slot ${keyslot} removed.`);
}

/**
 * A passphrase that has to remain valid. With `--batch-mode` on a terminal none is asked for; a standard
 * input that is no terminal and has nothing to say goes without; everything that is given counts.
 */
export async function remainingPassphrase(options: Options, ui: Ui): Promise<Secret | undefined> {
  const request = existingPassphrase(options, 'Enter any remaining passphrase: ');
  if (ui.batch && isInteractive(request.keyFile)) return undefined;
  try {
    return await readPassphrase(request, ui);
  } catch (error) {
    if (!(error instanceof TscryptError) || error.errno !== 'ENODATA') throw error;
    ui.warn(error.message);
    return undefined;
  }
}

/** The first of `keyslots` that the passphrase opens. */
export async function unlocksAny(
  volume: LuksVolume,
  keyslots: readonly number[],
  passphrase: Secret,
): Promise<number | undefined> {
  for (const keyslot of keyslots) {
    try {
      const { volumeKey } = await volume.unlock({ kind: 'passphrase', passphrase, keyslot });
      volumeKey.dispose();
      return keyslot;
    } catch (error) {
      // NO_SUCH_OBJECT: it holds another key than the volume's, so it does not count.
      if (!(error instanceof TscryptError) || !/^(WRONG_PASSPHRASE|NO_SUCH_OBJECT)$/.test(error.code))
        throw error;
    }
  }
  return undefined;
}
