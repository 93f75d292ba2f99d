import { equalConstantTime, hashSize, pbkdf2, randomFill, type Secret } from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';
import type { Digest, Metadata, Pbkdf2Digest } from './metadata.ts';
import { SALT_SIZE } from './ondisk.ts';
import { volumeDigests } from './segments.ts';

/** Digests of keys (specification, section 3.4): how a header knows a right key from a wrong one. */

/** Costs of a digest: the key is random, so this need not be slow. The stock tools' least, too. */
export const MIN_DIGEST_ITERATIONS = 1000;

/** A digest shorter than LUKS1's says too little about a key. */
const MIN_DIGEST_SIZE = 20;

/**
 * The id of the digest that `key` satisfies (the volume's own first), or `undefined`: not a key of this header.
 *
 * @throws TscryptError NOT_SUPPORTED (a hash this build does not have), INVALID_FORMAT
 */
export async function verifyVolumeKey(header: Luks2Header, key: Secret): Promise<number | undefined> {
  const { metadata } = header;
  const own = volumeDigests(metadata);
  const others = Object.keys(metadata.digests).filter((id) => !own.includes(id));
  const id = await findDigest(metadata, [...own, ...others], key);
  return id === undefined ? undefined : Number(id);
}

/** The first of the digests `ids` that `key` satisfies. Kinds nobody here knows satisfy nothing. */
export async function findDigest(
  metadata: Metadata,
  ids: readonly string[],
  key: Secret,
): Promise<string | undefined> {
  for (const id of ids) {
    const digest = metadata.digests[id];
    if (digest && isPbkdf2(digest) && (await matches(digest, id, key))) return id;
  }
  return undefined;
}

function isPbkdf2(digest: Digest): digest is Pbkdf2Digest {
  return digest.type === 'pbkdf2';
}

async function matches(digest: Pbkdf2Digest, id: string, key: Secret): Promise<boolean> {
  const expected = Buffer.from(digest.digest, 'base64');
  if (expected.length < MIN_DIGEST_SIZE || expected.length > hashSize(digest.hash)) {
    throw new TscryptError('INVALID_FORMAT', `Digest ${id} has ${expected.length} bytes.`, {
      details: { structure: 'LUKS2 JSON', field: `digests.${id}.digest`, found: expected.length },
    });
  }
  using found = await pbkdf2({
    hash: digest.hash,
    iterations: digest.iterations,
    password: key.bytes,
    salt: Buffer.from(digest.salt, 'base64'),
    length: expected.length,
  });
  return equalConstantTime(found.bytes, expected);
}

/** A new digest of `key`, bound to nothing yet. */
export async function createDigest(key: Secret, hash: string, iterations: number): Promise<Pbkdf2Digest> {
  const salt = randomFill(new Uint8Array(SALT_SIZE));
  using digest = await pbkdf2({ hash, iterations, password: key.bytes, salt, length: hashSize(hash) });
  return {
    type: 'pbkdf2',
    keyslots: [],
    segments: [],
    hash,
    iterations,
    salt: Buffer.from(salt).toString('base64'),
    digest: Buffer.from(digest.bytes).toString('base64'),
  };
}
