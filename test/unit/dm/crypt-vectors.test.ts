import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../src/block/index.ts';
import { MappedDevice } from '../../../src/dm/index.ts';
import { formatTable, parseTable } from '../../../src/table/index.ts';
import { codeOf } from './support.ts';

/** What the kernel wrote: see test/vectors/dm/README.md. */
interface CryptCase {
  readonly name: string;
  readonly table: string;
  readonly kernelTable: string;
  readonly plaintextSha256: string;
  readonly imageBytes: number;
  readonly imageSha256: string;
}

const directory = new URL('../../vectors/dm/', import.meta.url);
const cases: CryptCase[] = JSON.parse(readFileSync(new URL('crypt.json', directory), 'utf8'));

/** Ciphers and IV modes of the kernel that this build does not have. */
const NOT_SUPPORTED = new Set([
  'adiantum',
  'adiantum20-4k',
  'aes-cbc-elephant',
  'aes-cbc-tcw',
  'aes-lrw-benbi',
  'bitlk-elephant',
  'blowfish-cbc',
  'capi-hctr2',
  'cast5-cbc',
  'cast6-xts',
  'des3-cbc',
  'lmk-v2',
  'lmk-v3',
  'serpent-xts',
  'twofish-xts',
]);

function pattern(name: string, sectors: number): Buffer {
  const parts: string[] = [];
  for (let sector = 0; sector < sectors; sector++) {
    parts.push(`${name.slice(0, 12).padEnd(12)} ${String(sector).padStart(18, '0')}\n`.repeat(16));
  }
  return Buffer.from(parts.join(''));
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function create(vector: CryptCase, below: MemoryDevice): Promise<MappedDevice> {
  return MappedDevice.create({
    name: 'c1',
    table: parseTable(vector.table.replace('{d}', '7:0')),
    openDevice: async () => below,
  });
}

describe('crypt target against images written by Linux', () => {
  for (const vector of cases.filter(({ name }) => !NOT_SUPPORTED.has(name))) {
    it(`${vector.name}: writes what the kernel wrote, reads what it read`, async () => {
      const below = new MemoryDevice(vector.imageBytes);
      const device = await create(vector, below);
      const plaintext = pattern(vector.name, device.size / 512);
      await device.write(0, plaintext);
      expect(sha256(below.content)).toBe(vector.imageSha256);

      const back = new Uint8Array(device.size);
      await device.read(0, back);
      expect(sha256(back)).toBe(vector.plaintextSha256);
      expect(formatTable(device.table(), { showKeys: true })).toBe(`${vector.kernelTable}\n`);
      await device.close();
    });
  }

  for (const vector of cases.filter(({ name }) => NOT_SUPPORTED.has(name))) {
    it(`${vector.name}: refuses what it cannot compute`, async () => {
      expect(await codeOf(create(vector, new MemoryDevice(vector.imageBytes)))).toBe('NOT_SUPPORTED');
    });
  }

  for (const name of ['aes-xts-plain64', 'aes-xts-4k-large', 'aes-cbc-essiv']) {
    it(`${name}: reads the kernel's image sector by sector`, async () => {
      const vector = cases.find((candidate) => candidate.name === name)!;
      const image = readFileSync(new URL(`crypt.${name}.bin`, directory));
      const device = await create(vector, new MemoryDevice(new Uint8Array(image)));
      const unit = device.limits.logicalBlockSize;
      const plaintext = pattern(name, device.size / 512);
      for (let at = device.size - unit; at >= 0; at -= unit) {
        const block = new Uint8Array(unit);
        await device.read(at, block);
        expect(Buffer.from(block).equals(plaintext.subarray(at, at + unit))).toBe(true);
      }
      await device.close();
    });
  }
});
