import { MemoryDevice } from '../../../src/block/index.ts';
import { hash, type Pbkdf, Secret } from '../../../src/crypto/index.ts';
import { type FormatParams, formatDevice, type Luks2Header } from '../../../src/luks2/index.ts';
import { cloneJson, printJson } from '../../../src/luks2/json.ts';
import { MIB } from '../../../src/units.ts';

/** The cheapest KDF: these tests are about headers, not about costs. */
export const CHEAP: Pbkdf = { type: 'pbkdf2', hash: 'sha256', iterations: 1000 };

export function passphrase(text: string): Secret {
  return Secret.copy(new TextEncoder().encode(text));
}

/** Small enough to be copied at every write of a test: 1 MiB with room for seven 16-byte keys. */
export const SMALL: FormatParams = {
  cipher: 'aes-cbc-essiv:sha256',
  keySize: 16,
  keyslotsSize: 512 * 1024,
  dataOffset: undefined,
  alignPayload: 8,
};

export const SMALL_SIZE = MIB;

/** A formatted device with one keyslot, number 0, that `text` opens. */
export async function volume(
  text = 'old',
  params: FormatParams = SMALL,
  size = SMALL_SIZE,
): Promise<{ device: MemoryDevice; header: Luks2Header; volumeKey: Secret }> {
  const device = new MemoryDevice(size);
  const { header, volumeKey } = await formatDevice(device, params, {
    passphrase: passphrase(text),
    pbkdf: CHEAP,
  });
  return { device, header, volumeKey };
}

const CSUM_OFFSET = 0x1c0;
const CSUM_SIZE = 64;

/** Makes the checksum of a copy right again, whatever else is wrong with it. */
export function reseal(copy: Uint8Array): void {
  copy.fill(0, CSUM_OFFSET, CSUM_OFFSET + CSUM_SIZE);
  copy.set(hash('sha256', copy), CSUM_OFFSET);
}

/** Changes both copies on a device in the same way and seals them. */
export function alterCopies(
  device: MemoryDevice,
  hdrSize: number,
  alter: (copy: Uint8Array, secondary: boolean) => void,
): void {
  for (const [start, secondary] of [
    [0, false],
    [hdrSize, true],
  ] as const) {
    const copy = device.content.subarray(start, start + hdrSize);
    alter(copy, secondary);
    reseal(copy);
  }
}

/** Replaces the JSON text of both copies. */
export function writeText(device: MemoryDevice, hdrSize: number, text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  alterCopies(device, hdrSize, (copy) => {
    copy.fill(0, 4096);
    copy.set(bytes.subarray(0, copy.length - 4096), 4096);
  });
}

// biome-ignore lint/suspicious/noExplicitAny: these tests break the metadata on purpose
export type Loose = any;

/** Replaces the JSON of both copies by an altered copy of `header`'s. */
export function writeMetadata(device: MemoryDevice, header: Luks2Header, alter: (m: Loose) => void): void {
  const metadata = cloneJson(header.metadata);
  alter(metadata);
  writeText(device, header.hdrSize, printJson(metadata));
}

export function base64(length: number): string {
  return Buffer.alloc(length, 7).toString('base64');
}
