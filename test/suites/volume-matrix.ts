import { truncate, writeFile } from 'node:fs/promises';
import { Secret } from '../../src/crypto/secret.ts';
import type { LuksFormatOptions, VolumeLocation } from '../../src/volume/index.ts';
import type { Workspace } from './tools.ts';

/** One way to make a LUKS2 volume. */
export interface VolumeCase {
  /** What is in it, fit for file and device names. */
  readonly name: string;
  readonly pbkdf: 'argon2id' | 'argon2i' | 'pbkdf2';
  readonly cipher: string;
  readonly keyBits: number;
  readonly sectorSize: 512 | 4096;
  readonly detached: boolean;
}

const CIPHERS = [
  { label: 'xts256', cipher: 'aes-xts-plain64', keyBits: 256 },
  { label: 'xts512', cipher: 'aes-xts-plain64', keyBits: 512 },
  { label: 'essiv', cipher: 'aes-cbc-essiv:sha256', keyBits: 256 },
] as const;

/** Every combination: the volumes that must be the same here, in stock cryptsetup and in the kernel. */
export const VOLUME_MATRIX: readonly VolumeCase[] = (['argon2id', 'argon2i', 'pbkdf2'] as const).flatMap(
  (pbkdf) =>
    CIPHERS.flatMap(({ label, ...cipher }) =>
      ([512, 4096] as const).flatMap((sectorSize) =>
        [false, true].map((detached) => ({
          name: `${pbkdf}-${label}-${sectorSize}${detached ? '-detached' : ''}`,
          pbkdf,
          ...cipher,
          sectorSize,
          detached,
        })),
      ),
    ),
);

/** A quarter of the matrix in which every pair of key derivation and cipher, and every other value, occurs. */
export const VOLUME_SAMPLE: readonly VolumeCase[] = VOLUME_MATRIX.filter((_, index) => {
  const row = Math.floor(index / 4);
  return index % 4 === row % 4;
});

/** No UTF-8, no newline at the end: a passphrase is bytes. */
export const PASSPHRASE = Buffer.from([0x74, 0xfc, 0x00, 0x0a, 0xff, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74]);

/** The header that {@link formatOptions} asks for, bytes; where data starts when nothing else is said. */
const HEADER_SIZE = 16 * 1024 * 1024;

/** Cheap on purpose: what is tested is the format, not the cost. */
const PBKDF: Readonly<Record<VolumeCase['pbkdf'], LuksFormatOptions['pbkdf']>> = {
  argon2id: { type: 'argon2id', forceIterations: 4, memoryKib: 64, parallel: 2 },
  argon2i: { type: 'argon2i', forceIterations: 5, memoryKib: 32, parallel: 1 },
  pbkdf2: { type: 'pbkdf2', forceIterations: 1000 },
};

/** Makes the empty data file of a volume with room for `payload` bytes, and says where the volume is. */
export async function volumeFiles(
  files: Workspace,
  name: string,
  volume: Pick<VolumeCase, 'detached'>,
  payload: number,
): Promise<VolumeLocation> {
  const device = files.file(`${name}.volume`);
  await writeFile(device, '');
  await truncate(device, volume.detached ? payload : HEADER_SIZE + payload);
  return volume.detached ? { device, header: files.file(`${name}.header`) } : { device };
}

/** For `LuksVolume.format`. */
export function formatOptions(volume: VolumeCase): LuksFormatOptions {
  return {
    cipher: volume.cipher,
    keySize: volume.keyBits / 8,
    sectorSize: volume.sectorSize,
    pbkdf: PBKDF[volume.pbkdf],
  };
}

/** The same for a command line: stock cryptsetup's, and this project's, which must take the same. */
export function formatArguments(volume: VolumeCase, location: VolumeLocation): string[] {
  const pbkdf = PBKDF[volume.pbkdf];
  return [
    ...['luksFormat', '--batch-mode', '--type', 'luks2', '--cipher', volume.cipher],
    ...['--key-size', String(volume.keyBits), '--sector-size', String(volume.sectorSize)],
    ...['--pbkdf', pbkdf.type, '--pbkdf-force-iterations', String(pbkdf.forceIterations)],
    ...(pbkdf.memoryKib === undefined ? [] : ['--pbkdf-memory', String(pbkdf.memoryKib)]),
    ...(pbkdf.parallel === undefined ? [] : ['--pbkdf-parallel', String(pbkdf.parallel)]),
    ...['--key-file', '-', ...locationArguments(location)],
  ];
}

/** How commands name a volume: the data device, and the header where it is apart. */
export function locationArguments(location: VolumeLocation): string[] {
  return location.header === undefined ? [location.device] : ['--header', location.header, location.device];
}

export function passphrase(bytes: Uint8Array = PASSPHRASE): Secret {
  return Secret.copy(bytes);
}
