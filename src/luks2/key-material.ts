import type { BlockDevice } from '../block/index.ts';
import {
  afMerge,
  afSplit,
  createSectorCipher,
  derive,
  type Pbkdf,
  randomFill,
  type Secret,
} from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import { alignUp, SECTOR_SIZE } from '../units.ts';
import { readBytes } from './block-io.ts';
import { materialSize, toNumber } from './geometry.ts';
import type { Argon2Kdf, Kdf, Luks2Keyslot, Pbkdf2Kdf } from './metadata.ts';

/**
 * The binary data of a keyslot of type `luks2` (specification, section 3.2 and 4): the key, split by the
 * anti-forensic splitter, encrypted in 512-byte sectors numbered from 0 with a key made from the passphrase.
 */

// Implementation limits: what a header from elsewhere may make this program do for one passphrase.

/** KiB × passes of an Argon2: 4 GiB a thousand times over. */
const MAX_ARGON2_COST = 2 ** 32;
const MAX_PBKDF2_ITERATIONS = 2 ** 31 - 1;

/**
 * The KDF of a keyslot with its costs.
 *
 * @throws TscryptError NOT_SUPPORTED for a kind unknown here, or for costs beyond all reason
 */
export function pbkdfOf(kdf: Kdf): Pbkdf {
  if (kdf.type === 'pbkdf2') {
    const { hash, iterations } = kdf as Pbkdf2Kdf;
    if (iterations > MAX_PBKDF2_ITERATIONS) throw tooCostly(kdf.type, { iterations });
    return { type: 'pbkdf2', hash, iterations };
  }
  if (kdf.type === 'argon2i' || kdf.type === 'argon2id') {
    const { type, time, memory, cpus } = kdf as Argon2Kdf;
    if (time * memory > MAX_ARGON2_COST) throw tooCostly(kdf.type, { time, memory });
    return { type, time, memory, cpus };
  }
  throw new TscryptError('NOT_SUPPORTED', `PBKDF ${kdf.type} is not supported.`, {
    details: { pbkdf: kdf.type },
  });
}

function tooCostly(type: string, costs: Record<string, number>): TscryptError {
  return new TscryptError('NOT_SUPPORTED', `The costs of this keyslot's ${type} are out of range.`, {
    details: { pbkdf: type, ...costs },
  });
}

/**
 * The content of a whole keyslot area for `key`, which is as good as the key to whoever knows the passphrase.
 * Behind the encrypted material it is random, so that the area is whole blocks of any device it may lie on.
 *
 * @throws TscryptError NOT_SUPPORTED, INVALID_ARGUMENT (key size of the area's cipher), OUT_OF_MEMORY
 */
export async function sealKey(keyslot: Luks2Keyslot, key: Secret, passphrase: Secret): Promise<Uint8Array> {
  const content = new Uint8Array(toNumber(keyslot.area.size, 'area.size'));
  const material = content.subarray(0, materialSize(key.length));
  const split = afSplit(key.bytes, keyslot.af.stripes, keyslot.af.hash);
  material.set(split);
  split.fill(0);
  try {
    await withAreaCipher(keyslot, passphrase, (cipher) => cipher.encrypt(material, 0));
  } catch (error) {
    material.fill(0);
    throw error;
  }
  randomFill(content.subarray(material.length));
  return content;
}

/** The key that `passphrase` gives from a keyslot's area; a wrong passphrase gives a wrong key. */
export async function openKey(
  device: BlockDevice,
  keyslot: Luks2Keyslot,
  passphrase: Secret,
): Promise<Secret> {
  // The header is valid, so the area holds the material; its last sector may be cut short.
  const length = Math.min(materialSize(keyslot.key_size), toNumber(keyslot.area.size, 'area.size'));
  const material = new Uint8Array(alignUp(length, SECTOR_SIZE));
  material.set(await readBytes(device, toNumber(keyslot.area.offset, 'area.offset'), length));
  try {
    await withAreaCipher(keyslot, passphrase, (cipher) => cipher.decrypt(material, 0));
    return afMerge(material, keyslot.key_size, keyslot.af.stripes, keyslot.af.hash);
  } finally {
    material.fill(0);
  }
}

async function withAreaCipher(
  keyslot: Luks2Keyslot,
  passphrase: Secret,
  use: (cipher: ReturnType<typeof createSectorCipher>) => void,
): Promise<void> {
  const { encryption = '', key_size: keySize = 0 } = keyslot.area;
  const salt = Buffer.from(keyslot.kdf.salt, 'base64');
  using key = await derive(pbkdfOf(keyslot.kdf), passphrase.bytes, salt, keySize);
  const cipher = createSectorCipher({ spec: encryption, key: key.bytes, sectorSize: SECTOR_SIZE });
  try {
    use(cipher);
  } finally {
    cipher.dispose();
  }
}
