import { hash } from 'node:crypto';
import { TscryptError } from '../errors.ts';
import { hashSize, opensslHashName } from './hash.ts';
import { randomFill } from './rng.ts';
import { Secret } from './secret.ts';

/**
 * The anti-forensic splitter (LUKS1 on-disk format, section 2.4; kept by LUKS2): a key is blown up to
 * `stripes` times its size so that one lost stripe loses the key.
 */

/**
 * Splits `key` into `stripes` stripes of its own size.
 *
 * @param hashName hash of the diffusion, for example `sha256`
 * @returns `key.length * stripes` bytes, as good as the key: the caller zeroes them after use
 * @throws TscryptError NOT_SUPPORTED (hash), INVALID_ARGUMENT (no key, no stripes)
 */
export function afSplit(key: Uint8Array, stripes: number, hashName: string): Uint8Array<ArrayBuffer> {
  const size = key.length;
  checkSizes(size, stripes);
  const diffuse = diffuser(hashName, size);
  const material = new Uint8Array(size * stripes);
  randomFill(material.subarray(0, size * (stripes - 1)));
  const state = new Secret(size);
  try {
    condense(material, stripes - 1, state.bytes, diffuse);
    const last = material.subarray(size * (stripes - 1));
    for (let i = 0; i < size; i++) last[i] = (state.bytes[i] ?? 0) ^ (key[i] ?? 0);
  } finally {
    state.dispose();
  }
  return material;
}

/**
 * Puts a split key together again. Wrong material gives a wrong key, not an error.
 *
 * @param material `keySize * stripes` bytes, as read from a keyslot's area and decrypted; may be longer
 * @throws TscryptError NOT_SUPPORTED (hash), INVALID_ARGUMENT (sizes)
 */
export function afMerge(material: Uint8Array, keySize: number, stripes: number, hashName: string): Secret {
  checkSizes(keySize, stripes);
  if (material.length < keySize * stripes) {
    throw new TscryptError('INVALID_ARGUMENT', 'AF-split material is too short.', {
      details: { expected: keySize * stripes, found: material.length },
    });
  }
  const diffuse = diffuser(hashName, keySize);
  const key = new Secret(keySize);
  try {
    condense(material, stripes - 1, key.bytes, diffuse);
    xorInto(key.bytes, material, keySize * (stripes - 1));
  } catch (error) {
    key.dispose();
    throw error;
  }
  return key;
}

/** Bytes of a part's number in what is hashed. */
const NUMBER_SIZE = 4;

type Diffuse = (block: Uint8Array) => void;

/** XORs each of the first `count` stripes into `state` and diffuses it: d = H(d ⊕ s). */
function condense(material: Uint8Array, count: number, state: Uint8Array, diffuse: Diffuse): void {
  for (let stripe = 0; stripe < count; stripe++) {
    xorInto(state, material, stripe * state.length);
    diffuse(state);
  }
}

/**
 * H of the specification: each digest-sized part becomes the hash of its number and itself, cut to its length.
 * `crypto.hash` is there for many short inputs: a hash object for each would take twice as long.
 */
function diffuser(hashName: string, size: number): Diffuse {
  const algorithm = opensslHashName(hashName);
  const digestSize = hashSize(hashName);
  const input = new Uint8Array(NUMBER_SIZE + Math.min(digestSize, size));
  const view = new DataView(input.buffer);
  return (block) => {
    for (let part = 0, at = 0; at < size; part++, at += digestSize) {
      const chunk = block.subarray(at, Math.min(at + digestSize, size));
      view.setUint32(0, part);
      input.set(chunk, NUMBER_SIZE);
      const digest = hash(algorithm, input.subarray(0, NUMBER_SIZE + chunk.length), 'buffer');
      chunk.set(digest.subarray(0, chunk.length));
      digest.fill(0);
    }
    input.fill(0);
  };
}

function xorInto(target: Uint8Array, source: Uint8Array, at: number): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) ^ (source[at + i] ?? 0);
}

function checkSizes(keySize: number, stripes: number): void {
  const total = keySize * stripes;
  const whole = Number.isSafeInteger(keySize) && Number.isSafeInteger(stripes);
  if (!whole || keySize < 1 || stripes < 1 || total > MAX_MATERIAL) {
    throw new TscryptError('INVALID_ARGUMENT', `Cannot split ${keySize} bytes into ${stripes} stripes.`, {
      details: { keySize, stripes },
    });
  }
}

/** Implementation limit in bytes, far above 4000 stripes of any key. */
const MAX_MATERIAL = 64 * 1024 * 1024;
