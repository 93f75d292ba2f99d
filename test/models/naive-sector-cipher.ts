import { cbc, ctr, ecb } from '@noble/ciphers/aes.js';
import { md5 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';

/**
 * dm-crypt's AES as plainly as it can be written: BigInt sector numbers, one sector and one block at a time,
 * a cipher from elsewhere. Slow; shares nothing with the code it judges.
 */
export interface NaiveCipher {
  readonly mode: 'xts' | 'cbc' | 'ecb' | 'ctr';
  /** IV mode with options: `plain64`, `essiv:sha256`. */
  readonly iv: string;
  readonly keyCount?: number;
  readonly key: Uint8Array;
  readonly sectorSize: number;
  readonly largeSectorIv?: boolean;
}

export function naiveEncrypt(cipher: NaiveCipher, data: Uint8Array, sector: number): Uint8Array {
  return overSectors(cipher, data, sector, true);
}

export function naiveDecrypt(cipher: NaiveCipher, data: Uint8Array, sector: number): Uint8Array {
  return overSectors(cipher, data, sector, false);
}

function overSectors(cipher: NaiveCipher, data: Uint8Array, first: number, encrypting: boolean): Uint8Array {
  const { sectorSize, keyCount = 1 } = cipher;
  const result = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += sectorSize) {
    const sector = BigInt(first) + BigInt(at / 512);
    const keyIndex = Number(sector % BigInt(keyCount));
    const size = cipher.key.length / keyCount;
    const key = cipher.key.slice(keyIndex * size, (keyIndex + 1) * size);
    const iv = makeIv(cipher, key, cipher.largeSectorIv ? sector / BigInt(sectorSize / 512) : sector);
    result.set(oneSector(cipher.mode, key, iv, data.slice(at, at + sectorSize), encrypting), at);
  }
  return result;
}

function makeIv({ iv, mode, sectorSize }: NaiveCipher, key: Uint8Array, sector: bigint): Uint8Array {
  switch (iv) {
    case 'plain':
      return littleEndian(sector & 0xffff_ffffn);
    case 'plain64':
      return littleEndian(sector);
    case 'plain64be':
      return littleEndian(sector).reverse();
    case 'null':
      return new Uint8Array(16);
    case 'benbi':
      return littleEndian(((sector << (mode === 'ctr' ? 9n : 5n)) + 1n) & 0xffff_ffff_ffff_ffffn).reverse();
    case 'essiv:sha256':
      return block(sha256(key), littleEndian(sector), true);
    case 'essiv:md5':
      return block(md5(key), littleEndian(sector), true);
    case 'eboiv':
      return block(key, littleEndian((sector * BigInt(sectorSize)) & 0xffff_ffff_ffff_ffffn), true);
    default:
      throw new Error(`the model has no IV mode ${iv}`);
  }
}

function oneSector(
  mode: NaiveCipher['mode'],
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  encrypting: boolean,
): Uint8Array {
  if (mode === 'xts') return xts(key, iv, data, encrypting);
  const padding = { disablePadding: true };
  const cipher = mode === 'cbc' ? cbc(key, iv, padding) : mode === 'ctr' ? ctr(key, iv) : ecb(key, padding);
  return encrypting ? cipher.encrypt(data) : cipher.decrypt(data);
}

/** IEEE 1619-2018, section 5.3, block by block; 5.2 for the tweak, in its byte-array form. */
function xts(key: Uint8Array, iv: Uint8Array, data: Uint8Array, encrypting: boolean): Uint8Array {
  const dataKey = key.slice(0, key.length / 2);
  let tweak = block(key.slice(key.length / 2), iv, true);
  const result = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += 16) {
    result.set(xor(block(dataKey, xor(data.slice(at, at + 16), tweak), encrypting), tweak), at);
    tweak = timesAlpha(tweak);
  }
  return result;
}

function timesAlpha(tweak: Uint8Array): Uint8Array {
  const next = new Uint8Array(16);
  let carry = 0;
  for (let i = 0; i < 16; i++) {
    const byte = tweak[i] ?? 0;
    next[i] = ((byte << 1) | carry) & 0xff;
    carry = byte >> 7;
  }
  if (carry) next[0] = (next[0] ?? 0) ^ 0x87;
  return next;
}

function block(key: Uint8Array, input: Uint8Array, encrypting: boolean): Uint8Array {
  const cipher = ecb(key, { disablePadding: true });
  return encrypting ? cipher.encrypt(input) : cipher.decrypt(input);
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
