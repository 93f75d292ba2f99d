import { open, truncate } from 'node:fs/promises';
import { type BlockDevice, claimDevice, isNbdUri, openDevice } from '../block/index.ts';
import { benchmarkPbkdf, hashSize, type PbkdfRequest, parseCipherSpec } from '../crypto/index.ts';
import type { Secret } from '../crypto/secret.ts';
import { fromSystemError, TscryptError } from '../errors.ts';
import {
  type FormatParams,
  formatDevice,
  type Luks2Header,
  plannedDataOffset,
  requiredHeaderSize,
} from '../luks2/index.ts';
import { SECTOR_SIZE } from '../units.ts';
import {
  absoluteName,
  headerPath,
  isDetached,
  isRegularFile,
  type VolumeLocation,
  withHeaderDevice,
} from './location.ts';

export interface LuksFormatOptions {
  /** `aes-xts-plain64` unless given. */
  readonly cipher?: string | undefined;
  /** Bytes; 32 unless given, and 64 for XTS. */
  readonly keySize?: number | undefined;
  /** Of digest and anti-forensic splitter; `sha256` unless given. */
  readonly hash?: string | undefined;
  readonly pbkdf: PbkdfRequest;
  readonly keyslot?: number | undefined;
  /** Bytes; unless given, 4096 where device and data offset allow it, else 512. */
  readonly sectorSize?: number | undefined;
  readonly uuid?: string | undefined;
  readonly label?: string | undefined;
  readonly subsystem?: string | undefined;
  /** Borrowed; random unless given. */
  readonly volumeKey?: Secret | undefined;
  /** Bytes of one header copy. */
  readonly metadataSize?: number | undefined;
  /** Bytes of the keyslots area. */
  readonly keyslotsSize?: number | undefined;
  /** Where data starts, sectors. */
  readonly dataOffset?: number | undefined;
  /** Sectors. */
  readonly alignPayload?: number | undefined;
  readonly keyslotCipher?: string | undefined;
  /** Bytes. */
  readonly keyslotKeySize?: number | undefined;
}

export interface Formatted {
  readonly header: Luks2Header;
  /** The device holds the header but has no room for data behind it. */
  readonly noRoomForData: boolean;
}

/**
 * Makes a LUKS2 volume with one keyslot. All that can be checked is checked, and the costly key derivation
 * done, before the first write. A header file that does not exist is created; a regular file too small for its
 * header grows to hold it, as with cryptsetup; a disk too small is refused.
 *
 * @throws TscryptError INVALID_ARGUMENT, NOT_SUPPORTED, NO_SUCH_DEVICE, DEVICE_TOO_SMALL, DEVICE_BUSY
 */
export async function formatVolume(
  location: VolumeLocation,
  options: LuksFormatOptions,
  passphrase: Secret,
): Promise<Formatted> {
  const data = await dataGeometry(location.device);
  const detached = await isDetached(location);
  const params = formatParams(options, data, detached);
  const headerSize = requiredHeaderSize(params);
  checkDataSize(location, params, data.size);
  const digestIterations = await digestCost(options);
  const pbkdf = await benchmarkPbkdf(
    { ...(options.hash !== undefined && { hash: options.hash }), ...options.pbkdf },
    keyBytes(params),
  );
  const keyslot = {
    passphrase,
    pbkdf,
    keyslot: options.keyslot,
    cipher: options.keyslotCipher,
    keySize: options.keyslotKeySize,
  };
  return unused(location.device, async () => {
    await makeRoom(location, headerSize);
    const write = async (device: BlockDevice): Promise<Formatted> => {
      const { header, volumeKey } = await formatDevice(
        device,
        { ...params, digestIterations, noRoomForData: await isRegularFile(location.device) },
        keyslot,
      );
      volumeKey.dispose();
      return { header, noRoomForData: data.size <= dataStart(header) };
    };
    const format = () => withHeaderDevice(location, 'write', write, { exclusive: true });
    return detached ? unused(headerPath(location), format) : format();
  });
}

/** Runs `task` while the device is marked as in use, so that nothing mapped is ever formatted. */
async function unused<T>(device: string, task: () => Promise<T>): Promise<T> {
  if (isNbdUri(device)) return task();
  const claim = await claimDevice(device, 'write');
  try {
    return await task();
  } finally {
    await claim.release();
  }
}

/** Milliseconds the check of a volume key may take: it is random, so a guess gains nothing from a fast one. */
const DIGEST_TIME_MS = 125;
const DIGEST_ITERATIONS_MIN = 1000;

/** Iterations of the volume key's digest: measured, unless the caller wants nothing measured. */
async function digestCost({ pbkdf, hash = 'sha256' }: LuksFormatOptions): Promise<number> {
  if (pbkdf.forceIterations !== undefined) return DIGEST_ITERATIONS_MIN;
  const cost = await benchmarkPbkdf({ type: 'pbkdf2', hash, iterTimeMs: DIGEST_TIME_MS }, hashSize(hash));
  return cost.type === 'pbkdf2' ? cost.iterations : DIGEST_ITERATIONS_MIN;
}

interface Geometry {
  readonly size: number;
  readonly physicalBlockSize: number;
}

async function dataGeometry(path: string): Promise<Geometry> {
  await absoluteName(path);
  const device = await openDevice(path, { readOnly: true });
  try {
    return { size: device.size, physicalBlockSize: device.limits.physicalBlockSize };
  } finally {
    await device.close();
  }
}

function formatParams(options: LuksFormatOptions, data: Geometry, detached: boolean): FormatParams {
  const { pbkdf, keyslot, keyslotCipher, keyslotKeySize, sectorSize, ...rest } = options;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...given,
    sectorSize: sectorSize ?? naturalSectorSize(options, data),
    detached,
  };
}

/** What the stock tools check before they write: a volume that fails it could never be opened. */
function checkDataSize({ device, header }: VolumeLocation, params: FormatParams, size: number): void {
  const details = { device, found: size };
  if (size === 0 && header === undefined)
    throw new TscryptError('INVALID_ARGUMENT', `Device ${device} is too small.`, { details });
  const { sectorSize = SECTOR_SIZE } = params;
  const room = size - plannedDataOffset(params);
  if (room <= 0 || sectorSize === SECTOR_SIZE || room % sectorSize === 0) return;
  throw new TscryptError('INVALID_ARGUMENT', 'Device size is not aligned to requested sector size.', {
    details: { ...details, sectorSize },
  });
}

/** 4096 where the disk works in such blocks (regular files do) and nothing would be left over. */
function naturalSectorSize({ dataOffset = 0, alignPayload = 0 }: LuksFormatOptions, data: Geometry): number {
  const large = 4096;
  const start = (dataOffset || alignPayload) * SECTOR_SIZE;
  const fits = data.size % large === 0 && start % large === 0;
  return data.physicalBlockSize >= large && fits ? large : SECTOR_SIZE;
}

function keyBytes({ volumeKey, keySize, cipher = 'aes-xts-plain64' }: FormatParams): number {
  return volumeKey?.length ?? keySize ?? (parseCipherSpec(cipher).mode === 'xts' ? 64 : 32);
}

function dataStart(header: Luks2Header): number {
  return Math.min(...Object.values(header.metadata.segments).map((segment) => Number(segment.offset)));
}

async function makeRoom(location: VolumeLocation, headerSize: number): Promise<void> {
  const path = headerPath(location);
  try {
    if (location.header !== undefined) await createHeaderFile(path);
    if (!(await isRegularFile(path))) return;
    const { size } = await dataGeometry(path).catch((error) => {
      if (error instanceof TscryptError && error.code === 'DEVICE_TOO_SMALL') return { size: 0 };
      throw error;
    });
    if (size < headerSize) await truncate(path, headerSize);
  } catch (error) {
    throw fromSystemError(error, `Cannot prepare header device ${path}`, { device: path });
  }
}

/** Made if it is missing, never emptied. */
async function createHeaderFile(path: string): Promise<void> {
  try {
    await (await open(path, 'ax', 0o600)).close();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw new TscryptError('INVALID_ARGUMENT', `Cannot create header file ${path}.`, {
      details: { file: path },
      cause,
    });
  }
}
