import type { BlockDevice } from '../block/index.ts';
import type { Secret } from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import { findDigest } from './digests.ts';
import type { Luks2Header } from './header.ts';
import { openKey } from './key-material.ts';
import type { Keyslot, Luks2Keyslot } from './metadata.ts';
import { isBound, keyslotDigests } from './segments.ts';

export interface UnlockOptions {
  /** Borrowed. */
  readonly passphrase: Secret;
  /** Only this keyslot; unless given, every one bound to the volume by priority, ignored ones left out. */
  readonly keyslot?: number | undefined;
  /** Without `keyslot`: also try keyslots that are bound to no segment. */
  readonly unbound?: boolean | undefined;
}

export interface UnlockedKey {
  readonly keyslot: number;
  /** The caller's to dispose of. The key of an unbound keyslot is not the volume's. */
  readonly volumeKey: Secret;
}

/** Values of a keyslot's `priority` (specification, section 3.2). */
export const PRIORITIES = { ignore: 0, normal: 1, prefer: 2 } as const;

export function isLuks2Keyslot(keyslot: Keyslot | undefined): keyslot is Luks2Keyslot {
  return keyslot?.type === 'luks2';
}

/**
 * Opens a keyslot with a passphrase. `undefined`: the passphrase fits none.
 *
 * Works also where the header has requirements this program does not meet: a passphrase may always be
 * tested; `cryptTable` is what refuses then.
 *
 * @throws TscryptError NO_SUCH_OBJECT (the keyslot named is not active; or no usable keyslot at all),
 *   NOT_SUPPORTED (hash, cipher, KDF), OUT_OF_MEMORY
 */
export async function unlock(
  device: BlockDevice,
  header: Luks2Header,
  options: UnlockOptions,
): Promise<UnlockedKey | undefined> {
  const candidates = options.keyslot === undefined ? byPriority(header, options) : [options.keyslot];
  if (candidates.length === 0)
    throw new TscryptError('NO_SUCH_OBJECT', 'No usable keyslot is available.', {
      details: { keyslot: 'any' },
    });
  let failure: unknown;
  for (const keyslot of candidates) {
    try {
      const volumeKey = await openKeyslot(device, header, keyslot, options.passphrase);
      if (volumeKey) return { keyslot, volumeKey };
    } catch (error) {
      // Another keyslot may still open: what this one lacks matters only when none does.
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/** Keyslots to try: the preferred, then the normal ones, by number. */
function byPriority(header: Luks2Header, options: UnlockOptions): number[] {
  const { keyslots } = header.metadata;
  const usable = Object.keys(keyslots)
    .filter((id) => isLuks2Keyslot(keyslots[id]) && (options.unbound || isBound(header.metadata, id)))
    .map(Number)
    .sort((a, b) => a - b);
  return [PRIORITIES.prefer, PRIORITIES.normal].flatMap((priority) =>
    usable.filter((id) => (keyslots[id]?.priority ?? PRIORITIES.normal) === priority),
  );
}

async function openKeyslot(
  device: BlockDevice,
  header: Luks2Header,
  id: number,
  passphrase: Secret,
): Promise<Secret | undefined> {
  const keyslot = header.metadata.keyslots[id];
  if (!isLuks2Keyslot(keyslot)) {
    throw new TscryptError('NO_SUCH_OBJECT', `Keyslot ${id} is not active.`, { details: { keyslot: id } });
  }
  const key = await openKey(device, keyslot, passphrase);
  try {
    if ((await findDigest(header.metadata, keyslotDigests(header.metadata, id), key)) !== undefined)
      return key;
  } catch (error) {
    key.dispose();
    throw error;
  }
  key.dispose();
  return undefined;
}
