import type { BlockDevice } from '../block/index.ts';
import {
  hashSize,
  type Pbkdf,
  parseCipherSpec,
  randomFill,
  type Secret,
  validKeySizes,
} from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import { writeBytes } from './block-io.ts';
import { createDigest, findDigest, MIN_DIGEST_ITERATIONS } from './digests.ts';
import { areaSize, findArea, keyslotsSize, toNumber } from './geometry.ts';
import type { Luks2Header } from './header.ts';
import { cloneJson } from './json.ts';
import { pbkdfOf, sealKey } from './key-material.ts';
import type { Area, Keyslot, Luks2Keyslot, Metadata } from './metadata.ts';
import { AF_STRIPES, MAX_DIGESTS, MAX_KEYSLOTS, SALT_SIZE } from './ondisk.ts';
import { checkRequirements } from './requirements.ts';
import { areaCipher, isCryptSegment, keyslotDigests, regularSegments, volumeDigests } from './segments.ts';
import { isLuks2Keyslot, PRIORITIES } from './unlock.ts';
import { wipeRandom } from './wipe.ts';
import { checkCurrent, encodeBoth, nextHeader, writeHeader } from './write.ts';

export interface KeyslotParams {
  /** Number of the new keyslot, 0–31; the first free one unless given. */
  readonly keyslot?: number | undefined;
  readonly pbkdf: Pbkdf;
  /** Cipher of the keyslot area; the volume's own unless given. Together with `keySize`. */
  readonly cipher?: string | undefined;
  /** Bytes of the area's key. */
  readonly keySize?: number | undefined;
  /** Hash of the anti-forensic splitter; the pbkdf2 hash or `sha256` unless given. */
  readonly afHash?: string | undefined;
  readonly priority?: 'ignore' | 'normal' | 'prefer' | undefined;
  /** The key is not the volume's: store it with a digest of its own, bound to no segment. */
  readonly unbound?: boolean | undefined;
}

export interface KeyslotChange {
  /** The header as it is on the device now. */
  readonly header: Luks2Header;
  readonly keyslot: number;
}

/**
 * Stores `volumeKey` in a new keyslot. The key material is stable on the device before the header names it.
 *
 * @throws TscryptError WRONG_PASSPHRASE when `volumeKey` is not this volume's; INVALID_ARGUMENT when the
 *   keyslot number is in use or out of range; NO_SPACE when no number, area or JSON room is left;
 *   REQUIREMENT_UNMET; NOT_SUPPORTED; as `writeHeader`
 */
export async function addKeyslot(
  device: BlockDevice,
  header: Luks2Header,
  volumeKey: Secret,
  passphrase: Secret,
  params: KeyslotParams,
): Promise<KeyslotChange> {
  checkRequirements(header);
  nextHeader(device, header);
  const id = chooseNumber(header, params.keyslot);
  const digests = await digestsFor(header, volumeKey, params.unbound ?? false);
  const area = allocateArea(header, volumeKey.length);
  const encryption = regularSegments(header)
    .map(([, segment]) => segment)
    .find(isCryptSegment)?.encryption;
  const keyslot = createKeyslot(
    volumeKey.length,
    area,
    areaCipher(encryption, volumeKeySize(header, volumeKey)),
    params,
  );

  const metadata = cloneJson(header.metadata);
  Object.assign(metadata.digests, digests.created);
  metadata.keyslots[id] = keyslot;
  for (const digest of digests.ids) metadata.digests[digest]?.keyslots.push(String(id));
  const next = { ...header, metadata };
  await storeKey(device, next, keyslot, volumeKey, passphrase);
  return { header: await writeHeader(device, next), keyslot: id };
}

/**
 * Replaces keyslot `keyslot` by one with a new passphrase in a new area, which is stable on the device before
 * the header names it; then the old area is overwritten. The number, the priority and the tokens stay,
 * unless `params.keyslot` names another, free number: tokens lose a keyslot that moves.
 *
 * @throws TscryptError as {@link addKeyslot}; NO_SUCH_OBJECT when there is no such keyslot
 */
export async function changeKeyslot(
  device: BlockDevice,
  header: Luks2Header,
  keyslot: number,
  volumeKey: Secret,
  passphrase: Secret,
  params: KeyslotParams,
): Promise<KeyslotChange> {
  checkRequirements(header);
  nextHeader(device, header);
  const old = header.metadata.keyslots[keyslot];
  if (!isLuks2Keyslot(old)) throw inactive(keyslot);
  const digests = keyslotDigests(header.metadata, keyslot);
  if ((await findDigest(header.metadata, digests, volumeKey)) === undefined) throw wrongKey();
  const moves = params.keyslot !== undefined && params.keyslot !== keyslot;
  const id = moves ? chooseNumber(header, params.keyslot) : keyslot;
  const area = allocateArea(header, volumeKey.length);
  const { encryption = '', key_size: keySize = 0 } = old.area;
  const fresh = createKeyslot(volumeKey.length, area, { cipher: encryption, keySize }, params);
  const priority = params.priority === undefined ? old.priority : fresh.priority;
  const replaced: Luks2Keyslot = Object.assign(cloneJson(old), fresh);
  setPriorityMember(replaced, priority);

  const metadata = cloneJson(header.metadata);
  metadata.keyslots[id] = replaced;
  if (moves) {
    // The new reference first: a digest that belongs to nothing would go with the old one.
    for (const digest of digests) metadata.digests[digest]?.keyslots.push(String(id));
    detachKeyslot(metadata, keyslot);
  }
  const next = { ...header, metadata };
  await storeKey(device, next, replaced, volumeKey, passphrase);
  const written = await writeHeader(device, next);
  await wipeArea(device, old.area);
  return { header: written, keyslot: id };
}

/**
 * Removes a keyslot: its binary data is overwritten first, so that a keyslot which the header no longer
 * names is gone for good whatever happens in between; a power cut leaves at most a keyslot that opens with
 * nothing. Digests that belong to nothing any more go with it, tokens lose the reference.
 *
 * @throws TscryptError NO_SUCH_OBJECT when there is no such keyslot; NOT_SUPPORTED for a reencryption's own
 *   keyslot; as `writeHeader`
 */
export async function removeKeyslot(
  device: BlockDevice,
  header: Luks2Header,
  keyslot: number,
): Promise<Luks2Header> {
  const old = header.metadata.keyslots[keyslot];
  if (!old) throw inactive(keyslot);
  if (old.type === 'reencrypt') {
    throw new TscryptError('NOT_SUPPORTED', `Keyslot ${keyslot} belongs to a reencryption under way.`, {
      details: { keyslot },
    });
  }
  const metadata = cloneJson(header.metadata);
  detachKeyslot(metadata, keyslot);
  const next = { ...header, metadata };
  encodeBoth(nextHeader(device, next));
  await checkCurrent(device, header);
  await wipeArea(device, old.area);
  return writeHeader(device, next);
}

/** A keyslot object for a key in `area`, in the stock tools' order of members. */
export function createKeyslot(
  keySize: number,
  area: { readonly offset: number; readonly size: number },
  encryption: { readonly cipher: string; readonly keySize: number },
  params: KeyslotParams,
): Luks2Keyslot {
  if ((params.cipher === undefined) !== (params.keySize === undefined)) {
    throw new TscryptError('INVALID_ARGUMENT', 'Cipher and key size of a keyslot area go together.');
  }
  const cipher = params.cipher ?? encryption.cipher;
  const areaKeySize = params.keySize ?? encryption.keySize;
  if (!validKeySizes(parseCipherSpec(cipher)).includes(areaKeySize)) {
    throw new TscryptError('INVALID_ARGUMENT', `${cipher} takes no key of ${areaKeySize} bytes.`, {
      details: { cipher, keySize: areaKeySize },
    });
  }
  const { pbkdf } = params;
  const afHash = params.afHash ?? (pbkdf.type === 'pbkdf2' ? pbkdf.hash : 'sha256');
  hashSize(afHash);
  const salt = Buffer.from(randomFill(new Uint8Array(SALT_SIZE))).toString('base64');
  const kdf =
    pbkdf.type === 'pbkdf2'
      ? { type: pbkdf.type, hash: pbkdf.hash, iterations: pbkdf.iterations, salt }
      : { type: pbkdf.type, time: pbkdf.time, memory: pbkdf.memory, cpus: pbkdf.cpus, salt };
  // What this program would refuse to open it does not write either.
  pbkdfOf(kdf);
  const keyslot: Luks2Keyslot = {
    type: 'luks2',
    key_size: keySize,
    af: { type: 'luks1', stripes: AF_STRIPES, hash: afHash },
    area: {
      type: 'raw',
      offset: String(area.offset),
      size: String(area.size),
      encryption: cipher,
      key_size: areaKeySize,
    },
    kdf,
  };
  setPriorityMember(keyslot, params.priority && PRIORITIES[params.priority]);
  return keyslot;
}

/** A normal priority is not written: it is what a keyslot without the member has. */
export function setPriorityMember(keyslot: Keyslot, priority: number | undefined): void {
  if (priority === undefined || priority === PRIORITIES.normal) delete keyslot.priority;
  else keyslot.priority = priority;
}

/** The number asked for, or the first free one. */
export function chooseNumber(header: Luks2Header, wanted: number | undefined): number {
  const { keyslots } = header.metadata;
  if (wanted === undefined) {
    for (let id = 0; id < MAX_KEYSLOTS; id++) if (!keyslots[id]) return id;
    throw new TscryptError('NO_SPACE', 'All keyslots are full.', { details: { keyslots: MAX_KEYSLOTS } });
  }
  if (!Number.isInteger(wanted) || wanted < 0 || wanted >= MAX_KEYSLOTS) {
    throw new TscryptError('INVALID_ARGUMENT', `Keyslot ${wanted} is out of range 0–${MAX_KEYSLOTS - 1}.`, {
      details: { keyslot: wanted },
    });
  }
  if (keyslots[wanted]) {
    throw new TscryptError('INVALID_ARGUMENT', `Keyslot ${wanted} is full, please select another one.`, {
      details: { keyslot: wanted },
    });
  }
  return wanted;
}

export function allocateArea(header: Luks2Header, keySize: number): { offset: number; size: number } {
  const size = areaSize(keySize);
  const offset = findArea(header, size);
  if (offset !== undefined) return { offset, size };
  throw new TscryptError('NO_SPACE', 'No space for a new keyslot.', {
    details: { structure: 'keyslots area', expected: size, found: keyslotsSize(header) },
    hint: 'Remove a keyslot first.',
  });
}

/** Digests that a new keyslot with `key` belongs to; one is made for an unbound key that has none yet. */
async function digestsFor(
  header: Luks2Header,
  key: Secret,
  unbound: boolean,
): Promise<{ ids: string[]; created: Metadata['digests'] }> {
  const { metadata } = header;
  const own = volumeDigests(metadata);
  if (!unbound) {
    const found = await findDigest(metadata, own, key);
    if (found === undefined) throw wrongKey();
    return { ids: [found], created: {} };
  }
  const others = Object.keys(metadata.digests).filter((id) => metadata.digests[id]?.segments.length === 0);
  const found = await findDigest(metadata, others, key);
  if (found !== undefined) return { ids: [found], created: {} };
  for (let id = 0; id < MAX_DIGESTS; id++) {
    if (metadata.digests[id]) continue;
    return { ids: [String(id)], created: { [id]: await createDigest(key, 'sha256', MIN_DIGEST_ITERATIONS) } };
  }
  throw new TscryptError('NO_SPACE', 'All digests are in use.', { details: { digests: MAX_DIGESTS } });
}

/** Size of the volume's key, as its keyslots say; that of `key` where there is none. */
function volumeKeySize(header: Luks2Header, key: Secret): number {
  const { keyslots, digests } = header.metadata;
  const bound = volumeDigests(header.metadata).flatMap((id) => digests[id]?.keyslots ?? []);
  return bound.map((id) => keyslots[id]?.key_size).find((size) => size !== undefined) ?? key.length;
}

/** Writes the key material of a keyslot of `next`; everything is checked, and the key derived, before. */
async function storeKey(
  device: BlockDevice,
  next: Luks2Header,
  keyslot: Luks2Keyslot,
  key: Secret,
  passphrase: Secret,
): Promise<void> {
  encodeBoth(nextHeader(device, next));
  const material = await sealKey(keyslot, key, passphrase);
  await checkCurrent(device, next);
  await writeBytes(device, toNumber(keyslot.area.offset, 'area.offset'), material);
  await device.flush();
}

/** Takes a keyslot out of the metadata, with every reference to it. */
function detachKeyslot(metadata: Metadata, keyslot: number): void {
  const id = String(keyslot);
  const without = (list: string[]) => list.filter((other) => other !== id);
  delete metadata.keyslots[id];
  for (const token of Object.values(metadata.tokens)) token.keyslots = without(token.keyslots);
  for (const [number, digest] of Object.entries(metadata.digests)) {
    digest.keyslots = without(digest.keyslots);
    if (digest.keyslots.length === 0 && digest.segments.length === 0) delete metadata.digests[number];
  }
}

async function wipeArea(device: BlockDevice, area: Area): Promise<void> {
  await wipeRandom(device, toNumber(area.offset, 'area.offset'), toNumber(area.size, 'area.size'));
  await device.flush();
}

function inactive(keyslot: number): TscryptError {
  return new TscryptError('NO_SUCH_OBJECT', `Keyslot ${keyslot} is not active.`, { details: { keyslot } });
}

function wrongKey(): TscryptError {
  return new TscryptError('WRONG_PASSPHRASE', 'Volume key does not match the volume.');
}
