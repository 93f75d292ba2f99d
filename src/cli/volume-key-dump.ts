import { open, unlink } from 'node:fs/promises';
import { Secret } from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import type { CryptSegment, Luks2Header } from '../luks2/index.ts';
import { SECTOR_SIZE } from '../units.ts';
import { writeBytes } from './ui.ts';

const BYTES_A_LINE = 16;
const HEX = new TextEncoder().encode('0123456789abcdef');
const SPACE = 0x20;

/** What stands above a volume key that is shown, as cryptsetup prints it. */
export function volumeKeyTitle(device: string, header: Luks2Header, keySize: number): string {
  const segment = Object.values(header.metadata.segments).find(({ type }) => type === 'crypt') as
    | CryptSegment
    | undefined;
  const encryption = segment?.encryption ?? 'cipher_null-ecb';
  const dash = encryption.startsWith('capi:') ? -1 : encryption.indexOf('-');
  return [
    `LUKS header information for ${device}`,
    `Cipher name:   \t${dash < 0 ? encryption : encryption.slice(0, dash)}`,
    `Cipher mode:   \t${dash < 0 ? '' : encryption.slice(dash + 1)}`,
    `Payload offset:\t${Number(segment?.offset ?? 0) / SECTOR_SIZE}`,
    `UUID:          \t${header.uuid}`,
    `MK bits:       \t${keySize * 8}`,
  ].join('\n');
}

/** Prints the key in hexadecimal without ever making a string of it. */
export function printVolumeKey(volumeKey: Secret): void {
  const lines = Math.ceil(volumeKey.length / BYTES_A_LINE);
  const title = new TextEncoder().encode('MK dump:\t');
  const indent = new TextEncoder().encode('\t\t');
  using text = new Secret(title.length + lines * (indent.length + 1) + volumeKey.length * 3);
  let at = 0;
  const put = (bytes: Uint8Array): void => {
    text.bytes.set(bytes, at);
    at += bytes.length;
  };
  for (let line = 0; line < lines; line++) {
    put(line === 0 ? title : indent);
    for (const byte of volumeKey.bytes.subarray(line * BYTES_A_LINE, (line + 1) * BYTES_A_LINE)) {
      text.bytes[at++] = HEX[byte >> 4] ?? 0;
      text.bytes[at++] = HEX[byte & 15] ?? 0;
      text.bytes[at++] = SPACE;
    }
    text.bytes[at++] = 0x0a;
  }
  writeBytes(text.bytes.subarray(0, at));
}

/** Stores the raw key in a new file that its owner alone can read. */
export async function storeVolumeKey(file: string, volumeKey: Secret): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o400);
    try {
      await handle.writeFile(volumeKey.bytes);
      await handle.sync();
    } catch (error) {
      await unlink(file);
      throw error;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new TscryptError('INVALID_ARGUMENT', `Cannot open keyfile ${file} for write.`, {
      details: { file },
      cause,
    });
  }
}
