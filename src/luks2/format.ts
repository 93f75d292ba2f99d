import type { BlockDevice } from '../block/device.ts';
import type { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';
import type { KeyslotParams } from './keyslots.ts';

export interface FormatParams {
  /** `aes-xts-plain64` unless given. */
  readonly cipher?: string;
  /** Bytes; 32 unless given, doubled for XTS, as cryptsetup does. Ignored when `volumeKey` is given. */
  readonly keySize?: number;
  /** Encryption sector, bytes: 512 (default), 1024, 2048, 4096. */
  readonly sectorSize?: number;
  /** Hash of digest and anti-forensic splitter, `sha256` unless given. */
  readonly hash?: string;
  /** Iterations of the volume key digest; at least 1000, which is the default. */
  readonly digestIterations?: number;
  /** Borrowed; a random one is made when absent. */
  readonly volumeKey?: Secret;
  /** Random unless given. */
  readonly uuid?: string;
  readonly label?: string;
  readonly subsystem?: string;
  /** Bytes of one header copy: 16 KiB (default) … 4 MiB, a power of two. */
  readonly metadataSize?: number;
  /** Bytes of the keyslots area, a multiple of 4096, at most 128 MiB. */
  readonly keyslotsSize?: number;
  /** The header has a device of its own: data starts at 0 unless `dataOffset` says otherwise. */
  readonly detached?: boolean;
  /** Where the data starts, 512-byte sectors. Not together with `alignPayload`. */
  readonly dataOffset?: number;
  /** Data starts at a multiple of this, 512-byte sectors. */
  readonly alignPayload?: number;
  /** Bytes of the data device, to refuse one without room for data. Default: the header device's, unless detached. */
  readonly dataDeviceSize?: number;
}

export interface FirstKeyslot extends KeyslotParams {
  /** Borrowed. */
  readonly passphrase: Secret;
}

/** Bytes the header device must have for these parameters. */
export function requiredHeaderSize(_params: FormatParams): number {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/** A header without keyslots for these parameters, not written anywhere. */
export async function createHeader(
  _params: FormatParams,
): Promise<{ header: Luks2Header; volumeKey: Secret }> {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/**
 * Makes `device` a LUKS2 volume with `keyslot` as its first keyslot. Everything is checked and the key
 * derived before the first write; a power cut leaves the old volume, no volume, or the new one.
 * The volume key returned is the caller's to dispose of.
 */
export async function formatDevice(
  _device: BlockDevice,
  _params: FormatParams,
  _keyslot?: FirstKeyslot,
): Promise<{ header: Luks2Header; volumeKey: Secret; keyslot: number | undefined }> {
  throw new TscryptError('INTERNAL', 'not written yet');
}
