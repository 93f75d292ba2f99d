import type { BlockDevice } from '../block/index.ts';
import { benchmarkPbkdf, type PbkdfRequest } from '../crypto/index.ts';
import type { Secret } from '../crypto/secret.ts';
import type { DeviceInfo } from '../daemon/index.ts';
import type { MappedDevice } from '../dm/index.ts';
import { TscryptError } from '../errors.ts';
import {
  addKeyslot,
  changeKeyslot,
  dumpJson,
  dumpText,
  type KeyslotParams,
  type Luks2Header,
  type PersistentFlag,
  readHeader,
  recoverHeader,
  removeKeyslot,
  setFlags,
  setUuid,
} from '../luks2/index.ts';
import type { ActivateOptions, MapOptions } from './activation.ts';
import { type KeyslotContext, type Unlocked, unlockHeader } from './credential.ts';
import { type Formatted, formatVolume, type LuksFormatOptions } from './format.ts';
import { backupVolumeHeader } from './header-backup.ts';
import { type VolumeLocation, withHeaderDevice } from './location.ts';
import { isLuks1Refusal, refuseLuks1 } from './luks1.ts';

export interface KeyslotOptions {
  /** Number of the keyslot; the first free one unless given. */
  readonly keyslot?: number | undefined;
  readonly pbkdf: PbkdfRequest;
  readonly keyslotCipher?: string | undefined;
  /** Bytes. */
  readonly keyslotKeySize?: number | undefined;
}

/**
 * A LUKS volume where it lies: its header as it was last read, and what can be done with it. Every
 * operation takes the metadata lock for as long as it needs it and reads the header anew under it, so two
 * programs may work on one volume; nothing stays open in between.
 */
export class LuksVolume {
  readonly version = 2;
  readonly location: VolumeLocation;
  #header: Luks2Header;

  private constructor(location: VolumeLocation, header: Luks2Header) {
    this.location = location;
    this.#header = header;
  }

  /**
   * @throws TscryptError NO_SUCH_DEVICE, NOT_RECOGNISED (not LUKS), NOT_SUPPORTED (LUKS1), INVALID_FORMAT (damaged),
   *   PERMISSION_DENIED
   */
  static async load(location: VolumeLocation): Promise<LuksVolume> {
    return new LuksVolume(location, await withHeaderDevice(location, 'read', readLuks2));
  }

  /** Makes a new volume; see {@link formatVolume}. The passphrase opens its first keyslot. */
  static async format(
    location: VolumeLocation,
    options: LuksFormatOptions,
    passphrase: Secret,
  ): Promise<{ volume: LuksVolume } & Formatted> {
    const formatted = await formatVolume(location, options, passphrase);
    return { volume: new LuksVolume(location, formatted.header), ...formatted };
  }

  /** The header as it was when last read or written through this object. */
  get header(): Luks2Header {
    return this.#header;
  }

  get uuid(): string {
    return this.#header.uuid;
  }

  /** Numbers of the keyslots in use, ascending. */
  activeKeyslots(): number[] {
    return Object.keys(this.#header.metadata.keyslots)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Obtains the volume key; see {@link unlockHeader}. Writes nothing. */
  unlock(context: KeyslotContext): Promise<Unlocked> {
    return withHeaderDevice(this.location, 'read', async (device) => {
      this.#header = await readHeader(device);
      return unlockHeader(device, this.#header, context);
    });
  }

  /** Stores the volume key under one more passphrase; the number of the new keyslot. */
  async addKeyslot(volumeKey: Secret, passphrase: Secret, options: KeyslotOptions): Promise<number> {
    const params = await keyslotParams(options, volumeKey.length);
    return this.#update(async (device, header) => {
      const change = await addKeyslot(device, header, volumeKey, passphrase, params);
      return [change.header, change.keyslot];
    });
  }

  /** Replaces the keyslot that `unlocked` came from by one with another passphrase; its number. */
  async changeKeyslot(unlocked: Unlocked, passphrase: Secret, options: KeyslotOptions): Promise<number> {
    const { keyslot, volumeKey } = unlocked;
    if (keyslot === undefined) {
      throw new TscryptError('INVALID_ARGUMENT', 'A volume key alone does not say which keyslot to change.');
    }
    const params = await keyslotParams(options, volumeKey.length);
    return this.#update(async (device, header) => {
      const change = await changeKeyslot(device, header, keyslot, volumeKey, passphrase, params);
      return [change.header, change.keyslot];
    });
  }

  /** @throws TscryptError NO_SUCH_OBJECT when the keyslot is not active */
  removeKeyslot(keyslot: number): Promise<void> {
    return this.#update(async (device, header) => [await removeKeyslot(device, header, keyslot), undefined]);
  }

  setUuid(uuid: string): Promise<void> {
    return this.#update(async (device, header) => [await setUuid(device, header, uuid), undefined]);
  }

  /** Replaces the activation flags that the header makes persistent. */
  setFlags(flags: readonly PersistentFlag[]): Promise<void> {
    return this.#update(async (device, header) => [await setFlags(device, header, flags), undefined]);
  }

  /** As `cryptsetup luksDump` prints it. */
  dumpText(): string {
    return dumpText(this.#header);
  }

  /** As `cryptsetup luksDump --dump-json-metadata` prints it. */
  dumpJson(): string {
    return dumpJson(this.#header);
  }

  backupHeader(file: string): Promise<void> {
    return backupVolumeHeader(this.location, file);
  }

  /**
   * Maps the volume under `name` in a daemon of its own and returns when the device is usable.
   *
   * @throws TscryptError DEVICE_EXISTS (name in use), DEVICE_BUSY, DEVICE_TOO_SMALL, REQUIREMENT_UNMET
   */
  async activate(name: string, unlocked: Unlocked, options: ActivateOptions = {}): Promise<DeviceInfo> {
    const { activateLuks2 } = await import('./activation.ts');
    return this.#asItIs(unlocked, (header) => activateLuks2(this.location, header, name, unlocked, options));
  }

  /**
   * Maps the volume in this process, as a block device of its plaintext. Close it to flush and to wipe the key.
   *
   * @throws TscryptError DEVICE_BUSY, DEVICE_TOO_SMALL, REQUIREMENT_UNMET, NOT_SUPPORTED
   */
  async map(unlocked: Unlocked, options: MapOptions = {}): Promise<MappedDevice> {
    const { mapLuks2 } = await import('./activation.ts');
    return this.#asItIs(unlocked, (header) => mapLuks2(this.location, header, unlocked.volumeKey, options));
  }

  /**
   * Runs `task` with the header as it is on the device now, and keeps it so meanwhile. If it has changed since
   * the key was obtained (a format, a restore), the key is verified again: data is never written under another.
   */
  #asItIs<T>(unlocked: Unlocked, task: (header: Luks2Header) => Promise<T>): Promise<T> {
    return withHeaderDevice(this.location, 'read', async (device) => {
      const header = await readHeader(device);
      if (header.uuid !== this.#header.uuid || header.seqid !== this.#header.seqid) {
        const { volumeKey } = unlocked;
        (await unlockHeader(device, header, { kind: 'volumeKey', volumeKey })).volumeKey.dispose();
        this.#header = header;
      }
      return task(header);
    });
  }

  async #update<T>(
    task: (device: BlockDevice, header: Luks2Header) => Promise<[Luks2Header, T]>,
  ): Promise<T> {
    return withHeaderDevice(this.location, 'write', async (device) => {
      const { header } = await recoverHeader(device);
      const [next, result] = await task(device, header);
      this.#header = next;
      return result;
    });
  }
}

async function keyslotParams(options: KeyslotOptions, keySize: number): Promise<KeyslotParams> {
  return {
    pbkdf: await benchmarkPbkdf(options.pbkdf, keySize),
    keyslot: options.keyslot,
    cipher: options.keyslotCipher,
    keySize: options.keyslotKeySize,
  };
}

async function readLuks2(device: BlockDevice): Promise<Luks2Header> {
  try {
    return await readHeader(device);
  } catch (error) {
    if (error instanceof TscryptError && error.code === 'NOT_RECOGNISED') await refuseLuks1(device);
    throw error;
  }
}

/**
 * Which version of LUKS a valid header is there of; undefined where there is none. A missing or unreadable
 * device still throws. Of LUKS1, only the start is looked at.
 */
export async function luksVersion(location: VolumeLocation): Promise<1 | 2 | undefined> {
  try {
    return (await LuksVolume.load(location)).version;
  } catch (error) {
    if (isLuks1Refusal(error)) return 1;
    if (error instanceof TscryptError && NOT_LUKS.has(error.code)) return undefined;
    throw error;
  }
}

/** Whether a valid LUKS header is there, of either version. */
export async function isLuks(location: VolumeLocation): Promise<boolean> {
  return (await luksVersion(location)) !== undefined;
}

const NOT_LUKS: ReadonlySet<string> = new Set(['NOT_RECOGNISED', 'INVALID_FORMAT']);
