import type { BlockDevice } from '../block/index.ts';
import {
  createSectorCipher,
  formatCipherSpec,
  hashSize,
  isNullCipher,
  parseCipherSpec,
  randomSecret,
  Secret,
  validKeySizes,
} from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import { SECTOR_SIZE } from '../units.ts';
import { writeBytes } from './block-io.ts';
import { checkLabel, normaliseUuid } from './config.ts';
import { createDigest, MIN_DIGEST_ITERATIONS } from './digests.ts';
import { type FormatGeometry, planGeometry } from './format-geometry.ts';
import { dataOffset, headerRegionSize, keyslotsSize, keyslotsStart } from './geometry.ts';
import type { Luks2Header } from './header.ts';
import { invalidateHeaders } from './invalidate.ts';
import { cloneJson } from './json.ts';
import { sealKey } from './key-material.ts';
import { allocateArea, chooseNumber, createKeyslot, type KeyslotParams } from './keyslots.ts';
import type { Metadata } from './metadata.ts';
import { BINARY_HEADER_SIZE, CHECKSUM_ALG, VERSION } from './ondisk.ts';
import { areaCipher } from './segments.ts';
import { wipeRandom, wipeZero } from './wipe.ts';
import { checkWritable, encodeBoth, writeCopies } from './write.ts';

export interface FormatParams {
  /** `aes-xts-plain64` unless given. */
  readonly cipher?: string | undefined;
  /** Bytes; 32 unless given, doubled for XTS, as cryptsetup does. Ignored when `volumeKey` is given. */
  readonly keySize?: number | undefined;
  /** Encryption sector, bytes: 512 (default), 1024, 2048, 4096. */
  readonly sectorSize?: number | undefined;
  /** Hash of digest and anti-forensic splitter, `sha256` unless given. */
  readonly hash?: string | undefined;
  /** Iterations of the volume key digest; at least 1000, which is the default. */
  readonly digestIterations?: number | undefined;
  /** Borrowed; a random one is made when absent. */
  readonly volumeKey?: Secret | undefined;
  /** Random unless given. */
  readonly uuid?: string | undefined;
  readonly label?: string | undefined;
  readonly subsystem?: string | undefined;
  /** Bytes of one header copy: 16 KiB (default) … 4 MiB, a power of two. */
  readonly metadataSize?: number | undefined;
  /** Bytes of the keyslots area, a multiple of 4096, at most 128 MiB. */
  readonly keyslotsSize?: number | undefined;
  /** The header has a device of its own: data starts at 0 unless `dataOffset` says otherwise. */
  readonly detached?: boolean | undefined;
  /** Where the data starts, 512-byte sectors. Not together with `alignPayload`. */
  readonly dataOffset?: number | undefined;
  /** Data starts at a multiple of this, 512-byte sectors. */
  readonly alignPayload?: number | undefined;
  /** Bytes of the data device, to refuse one without room for data. Default: the header device's, unless detached. */
  readonly dataDeviceSize?: number | undefined;
  /** The header may fill the device: a file, which can be made larger. */
  readonly noRoomForData?: boolean | undefined;
}

export interface FirstKeyslot extends KeyslotParams {
  /** Borrowed. */
  readonly passphrase: Secret;
}

export interface Formatted {
  readonly header: Luks2Header;
  /** The caller's to dispose of. */
  readonly volumeKey: Secret;
  /** The first keyslot, if one was asked for. */
  readonly keyslot: number | undefined;
}

const SECTOR_SIZES = [512, 1024, 2048, 4096];

/**
 * Bytes the header device must have for these parameters: both copies and the keyslots area. A header file
 * is made of this size; on a device that carries the data too, data must fit behind it.
 */
export function requiredHeaderSize(params: FormatParams): number {
  const geometry = planGeometry(params);
  return 2 * geometry.metadataSize + geometry.keyslotsSize;
}

/** Where the data starts for these parameters, bytes. */
export function plannedDataOffset(params: FormatParams): number {
  return planGeometry(params).dataOffset;
}

/**
 * A header without keyslots for these parameters, not written anywhere, its sequence number 0. The volume
 * key is the caller's to dispose of.
 *
 * @throws TscryptError INVALID_ARGUMENT, NOT_SUPPORTED (cipher, hash)
 */
export async function createHeader(
  params: FormatParams,
): Promise<{ header: Luks2Header; volumeKey: Secret }> {
  const geometry = planGeometry(params);
  const cipher = cipherOf(params);
  const hashName = params.hash ?? 'sha256';
  hashSize(hashName);
  const sectorSize = params.sectorSize ?? SECTOR_SIZE;
  if (!SECTOR_SIZES.includes(sectorSize) || geometry.dataOffset % SECTOR_SIZE !== 0) {
    throw new TscryptError('INVALID_ARGUMENT', 'Unsupported encryption sector size.', {
      details: { field: 'sectorSize', expected: SECTOR_SIZES, found: sectorSize },
    });
  }
  const keySize = params.volumeKey?.length ?? params.keySize ?? defaultKeySize(cipher);
  if (!volumeKeySizes(cipher).includes(keySize)) {
    throw new TscryptError('INVALID_ARGUMENT', `${cipher} takes no volume key of ${keySize} bytes.`, {
      details: { cipher, keySize },
    });
  }
  const iterations = params.digestIterations ?? MIN_DIGEST_ITERATIONS;
  if (iterations < MIN_DIGEST_ITERATIONS) {
    throw new TscryptError(
      'INVALID_ARGUMENT',
      `A digest takes at least ${MIN_DIGEST_ITERATIONS} iterations.`,
    );
  }
  const uuid = normaliseUuid(params.uuid);
  const label = checkLabel(params.label ?? '', 'label');
  const subsystem = checkLabel(params.subsystem ?? '', 'subsystem');

  const volumeKey = params.volumeKey ? Secret.copy(params.volumeKey.bytes) : randomSecret(keySize);
  try {
    // Not every IV goes with every cipher and sector size: better known now than when the volume is opened.
    const key = isNullCipher(parseCipherSpec(cipher)) ? new Uint8Array(0) : volumeKey.bytes;
    createSectorCipher({ spec: cipher, key, sectorSize }).dispose();
    const digest = await createDigest(volumeKey, hashName, iterations);
    const header: Luks2Header = {
      version: VERSION,
      seqid: 0,
      hdrSize: geometry.metadataSize,
      label,
      subsystem,
      uuid,
      checksumAlg: CHECKSUM_ALG,
      metadata: cloneJson<Metadata>({
        keyslots: {},
        tokens: {},
        segments: {
          '0': {
            type: 'crypt',
            offset: String(geometry.dataOffset),
            size: 'dynamic',
            iv_tweak: '0',
            encryption: cipher,
            sector_size: sectorSize,
          },
        },
        digests: { '0': { ...digest, segments: ['0'] } },
        config: {
          json_size: String(geometry.metadataSize - BINARY_HEADER_SIZE),
          keyslots_size: String(geometry.keyslotsSize),
        },
      }),
    };
    encodeBoth(header);
    return { header, volumeKey };
  } catch (error) {
    volumeKey.dispose();
    throw error;
  }
}

/** A volume that encrypts nothing has a volume key all the same, as large as another cipher's. */
function volumeKeySizes(cipher: string): number[] {
  const spec = parseCipherSpec(cipher);
  return isNullCipher(spec) ? [16, 24, 32, 48, 64] : validKeySizes(spec);
}

/** In full, as a header has it: the kernel knows no `null`, and not every reader knows what `aes` stands for. */
function cipherOf({ cipher = 'aes-xts-plain64' }: FormatParams): string {
  return formatCipherSpec(parseCipherSpec(cipher));
}

function defaultKeySize(cipher: string): number {
  return parseCipherSpec(cipher).mode === 'xts' ? 64 : 32;
}

/**
 * Makes `device` a LUKS2 volume with `keyslot` as its first keyslot. Everything is checked and the key
 * derived before the first write. The order of the writes: old headers die, flush; header region and key
 * material, flush; secondary header, flush; primary header, flush. So a power cut leaves the old volume, no
 * volume, or the new one, never a header whose keyslots are not there.
 *
 * @throws TscryptError INVALID_ARGUMENT, NOT_SUPPORTED, DEVICE_TOO_SMALL, READ_ONLY, NO_SPACE (no room for a
 *   keyslot), OUT_OF_MEMORY
 */
export async function formatDevice(
  device: BlockDevice,
  params: FormatParams,
  keyslot?: FirstKeyslot,
): Promise<Formatted> {
  checkDataRoom(device, params, planGeometry(params));
  const { header: empty, volumeKey } = await createHeader(params);
  try {
    checkWritable(device, empty);
    const first = keyslot && (await prepareKeyslot(empty, params, keyslot, volumeKey));
    const header: Luks2Header = { ...(first?.header ?? empty), seqid: 1 };
    const copies = encodeBoth(header);
    await invalidateHeaders(device, headerRegionSize(header));
    await wipeRegion(device, header, params.detached ?? false);
    if (first) await writeBytes(device, first.offset, first.material);
    await device.flush();
    await writeCopies(device, header, copies);
    return { header, volumeKey, keyslot: first?.id };
  } catch (error) {
    volumeKey.dispose();
    throw error;
  }
}

function checkDataRoom(device: BlockDevice, params: FormatParams, geometry: FormatGeometry): void {
  const size = params.dataDeviceSize ?? (params.detached ? undefined : device.size);
  if (
    size === undefined ||
    params.noRoomForData ||
    size >= geometry.dataOffset + (params.sectorSize ?? SECTOR_SIZE)
  )
    return;
  throw new TscryptError('DEVICE_TOO_SMALL', 'The device is too small: there is no space for data.', {
    details: { device: device.name, expected: geometry.dataOffset + SECTOR_SIZE, found: size },
  });
}

/** The header with its first keyslot, and that keyslot's key material. */
async function prepareKeyslot(
  empty: Luks2Header,
  params: FormatParams,
  keyslot: FirstKeyslot,
  volumeKey: Secret,
) {
  const id = chooseNumber(empty, keyslot.keyslot);
  const area = allocateArea(empty, volumeKey.length);
  const encryption = areaCipher(cipherOf(params), volumeKey.length);
  const afHash = keyslot.afHash ?? params.hash ?? 'sha256';
  const object = createKeyslot(volumeKey.length, area, encryption, { ...keyslot, afHash });
  const metadata = cloneJson(empty.metadata);
  metadata.keyslots[id] = object;
  metadata.digests[0]?.keyslots.push(String(id));
  const header = { ...empty, metadata };
  encodeBoth(header);
  return { header, id, offset: area.offset, material: await sealKey(object, volumeKey, keyslot.passphrase) };
}

/**
 * Zeroes up to the data, and random bytes where key material will lie, so that used areas do not show. A device
 * that holds the header only is somebody else's behind it.
 */
async function wipeRegion(device: BlockDevice, header: Luks2Header, detached: boolean): Promise<void> {
  const start = keyslotsStart(header);
  const end = headerRegionSize(header);
  await wipeZero(device, 0, start);
  await wipeRandom(device, start, keyslotsSize(header));
  if (!detached) await wipeZero(device, end, Math.max(0, dataOffset(header) - end));
}
