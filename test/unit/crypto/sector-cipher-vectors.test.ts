import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createSectorCipher } from '../../../src/crypto/index.ts';

interface DmCryptCase {
  readonly name: string;
  readonly cipher: string;
  /** Hexadecimal. */
  readonly key: string;
  readonly ivOffset: number;
  readonly sectors?: number;
  readonly sectorSize: number;
  readonly largeSectorIv: boolean;
  readonly plaintextSha256?: string;
  readonly ciphertextSha256?: string;
  readonly refused?: boolean;
}

function load<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../../vectors/crypto/${file}`, import.meta.url), 'utf8')) as T;
}

function pattern(name: string, sectors: number): Buffer {
  const lines = Array.from({ length: sectors }, (_, sector) =>
    `${name.slice(0, 12).padEnd(12)} ${String(sector).padStart(18, '0')}\n`.repeat(16),
  );
  return Buffer.from(lines.join(''), 'ascii');
}

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** The kernel encrypts these; this build says that it does not. */
const NOT_YET: Readonly<Record<string, string>> = { 'eboiv-xts': 'IV mode eboiv with xts' };

describe.each(['dm-crypt.json', 'dm-crypt-more.json'])('the bytes of the Linux kernel: %s', (file) => {
  const { cases } = load<{ cases: DmCryptCase[] }>(file);
  const open = ({ cipher, key, sectorSize, largeSectorIv }: DmCryptCase) =>
    createSectorCipher({ spec: cipher, key: Buffer.from(key, 'hex'), sectorSize, largeSectorIv });

  it.each(cases.filter((c) => !c.refused && !(c.name in NOT_YET)))('$name: $cipher', (vector) => {
    const plaintext = pattern(vector.name, vector.sectors ?? 32);
    expect(sha256(plaintext)).toBe(vector.plaintextSha256);
    const data = Buffer.from(plaintext);
    const cipher = open(vector);
    cipher.encrypt(data, vector.ivOffset);
    expect(sha256(data)).toBe(vector.ciphertextSha256);
    cipher.decrypt(data, vector.ivOffset);
    expect(Buffer.compare(data, plaintext)).toBe(0);
  });

  it.each(cases.filter((c) => c.refused))('$name: refused by the kernel, refused here', (vector) => {
    expect(() => open(vector)).toThrowError(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it.each(cases.filter((c) => c.name in NOT_YET))('$name: not supported, and said so', (vector) => {
    expect(() => open(vector)).toThrowError(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  });
});

describe('IEEE 1619', () => {
  const { cases } = load<{ cases: { vector: number; key: string; dataUnit: number; ciphertext: string }[] }>(
    'ieee-1619.json',
  );
  it.each(cases)('vector $vector', ({ key, dataUnit, ciphertext }) => {
    const plaintext = Uint8Array.from({ length: 512 }, (_, i) => i & 0xff);
    const data = plaintext.slice();
    const cipher = createSectorCipher({
      spec: 'aes-xts-plain64',
      key: Buffer.from(key, 'hex'),
      sectorSize: 512,
    });
    cipher.encrypt(data, dataUnit);
    expect(Buffer.from(data).toString('hex')).toBe(ciphertext);
    cipher.decrypt(data, dataUnit);
    expect(data).toEqual(plaintext);
  });
});
