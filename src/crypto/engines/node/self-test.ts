import { createCipheriv } from 'node:crypto';
import { TscryptError } from '../../../errors.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import type { SectorCipherRequest } from '../../engine.ts';
import type { SectorCipher } from '../../sector-cipher.ts';

/**
 * Enough sectors for every path of the modes: fours and single ones in XTS, columns (from 32 on) in CBC. The
 * remainder of one goes through CBC's other path by itself.
 */
const SECTORS = 37;
const MODES = ['xts', 'cbc', 'ctr'] as const;

/**
 * Compares the engine with OpenSSL's own modes, sector by sector: once in each thread, before the first byte
 * of anybody's data. A compiler that gets SIMD wrong on some CPU must not be found out by writing to a disk.
 *
 * @throws TscryptError INTERNAL
 */
export function selfTest(create: (request: SectorCipherRequest) => SectorCipher): void {
  const plaintext = Uint8Array.from({ length: SECTORS * SECTOR_SIZE }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  for (const mode of MODES) {
    const key = plaintext.subarray(100, 100 + (mode === 'xts' ? 64 : 32));
    const spec = { cipher: 'aes', keyCount: 1, mode, iv: 'plain64', ivOptions: undefined, capi: false };
    const cipher = create({ spec, key, sectorSize: SECTOR_SIZE, largeSectorIv: false });
    const data = plaintext.slice();
    const run = (count: number, first: number) => {
      const part = data.subarray(first * SECTOR_SIZE, (first + count) * SECTOR_SIZE);
      cipher.encrypt(part, first);
      const right = Buffer.compare(part, reference(mode, key, part.length, plaintext, first)) === 0;
      cipher.decrypt(part, first);
      if (!right || Buffer.compare(data, plaintext) !== 0) {
        throw new TscryptError('INTERNAL', `This machine computes aes-${mode} wrongly.`, {
          details: { engine: 'node', mode },
          hint: 'Do not write to encrypted volumes here; try another version of Node.',
        });
      }
    };
    run(SECTORS, 0);
    run(1, SECTORS - 1);
    cipher.dispose();
  }
}

function reference(
  mode: string,
  key: Uint8Array,
  length: number,
  plaintext: Uint8Array,
  first: number,
): Buffer {
  const iv = Buffer.alloc(16);
  const sectors = Array.from({ length: length / SECTOR_SIZE }, (_, i) => {
    const at = (first + i) * SECTOR_SIZE;
    iv.writeUInt32LE(first + i);
    const cipher = createCipheriv(`aes-256-${mode}`, key, iv).setAutoPadding(false);
    return cipher.update(plaintext.subarray(at, at + SECTOR_SIZE));
  });
  return Buffer.concat(sectors);
}
