import { createCipheriv, getCiphers } from 'node:crypto';
import { BLOCK_SIZE, findBlockCipher, requireBlockCipher } from '../../block-cipher.ts';
import { IV_SIZE } from '../../iv/iv.ts';
import type { InPlaceMode, InPlaceModeRequest } from './in-place-mode.ts';
import type { Openssl } from './openssl.ts';
import type { WorkArea } from './work-area.ts';

/** Runs of sectors for every path: columns, fours and what is left of them, single sectors. */
const RUNS = [32, 7, 1];
const MOST = 32;

/** Sectors, their IVs and their ciphertext, by another implementation than the engine's. */
export interface KnownAnswer {
  readonly plaintext: Uint8Array;
  readonly ivs: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** A key for known answers. */
export function testKey(length: number): Uint8Array {
  return pattern(length, 7);
}

/**
 * @param mode the kernel's name
 * @param request with the {@link testKey}
 */
export function knownAnswer(mode: string, request: InPlaceModeRequest): KnownAnswer {
  const { key, sectorSize } = request;
  const plaintext = pattern(MOST * sectorSize, 3);
  const ivs = pattern(MOST * IV_SIZE, 5);
  const name = opensslName(mode, request);
  if (name === undefined) {
    return { plaintext, ivs, ciphertext: plainXts(request, plaintext, ivs) };
  }
  const sectors = Array.from({ length: MOST }, (_, i) => {
    const iv = mode === 'ecb' ? null : ivs.subarray(i * IV_SIZE, (i + 1) * IV_SIZE);
    const sector = plaintext.subarray(i * sectorSize, (i + 1) * sectorSize);
    return createCipheriv(name, key, iv).setAutoPadding(false).update(sector);
  });
  return { plaintext, ivs, ciphertext: Buffer.concat(sectors) };
}

/** Whether the mode, made with the same request, finds these answers; what fails is no answer either. */
export function agrees(area: WorkArea, mode: InPlaceMode, sectorSize: number, known: KnownAnswer): boolean {
  const { plaintext, ivs, ciphertext } = known;
  try {
    return RUNS.filter((count) => count * sectorSize <= mode.pieceSize).every((count) => {
      const length = count * sectorSize;
      const data = area.dataView(length);
      const becomes = (from: Uint8Array, to: Uint8Array, run: InPlaceMode['encrypt']): boolean => {
        data.set(from.subarray(0, length));
        area.ivs.bytes.set(ivs);
        run(area.dataAt, count);
        return Buffer.compare(data, to.subarray(0, length)) === 0;
      };
      return becomes(plaintext, ciphertext, mode.encrypt) && becomes(ciphertext, plaintext, mode.decrypt);
    });
  } catch {
    return false;
  }
}

/**
 * A mode that is only used when it agrees with the known answers for its cipher, key size and sector size, which is found
 * out once.
 *
 * @param mode the kernel's name
 */
export function tested(
  mode: string,
  create: (openssl: Openssl, request: InPlaceModeRequest) => InPlaceMode | undefined,
): typeof create {
  const results = new WeakMap<Openssl, Map<string, boolean>>();
  return (openssl, request) => {
    const { cipher, key, sectorSize } = request;
    const known = results.get(openssl) ?? new Map<string, boolean>();
    results.set(openssl, known);
    const id = `${cipher} ${key.length} ${sectorSize}`;
    let right = known.get(id);
    if (right === undefined) {
      const test = { cipher, sectorSize, key: testKey(key.length) };
      const trial = create(openssl, test);
      right = trial !== undefined && agrees(openssl.area, trial, sectorSize, knownAnswer(mode, test));
      trial?.dispose();
      known.set(id, right);
    }
    return right ? create(openssl, request) : undefined;
  };
}

/** undefined where Node has no such mode to compare with, or another one: OpenSSL's SM4-XTS is not IEEE 1619's. */
function opensslName(mode: string, { cipher, key }: InPlaceModeRequest): string | undefined {
  if (mode === 'xts' && cipher !== 'aes') return undefined;
  const size = mode === 'xts' ? key.length / 2 : key.length;
  const name = findBlockCipher(cipher)?.openssl(size, 'ecb').replace(/ecb$/, mode);
  return name !== undefined && getCiphers().includes(name) ? name : undefined;
}

/** XTS (IEEE 1619-2018, section 5) over Node's ECB, in plain arithmetic. */
function plainXts({ cipher, key, sectorSize }: InPlaceModeRequest, data: Uint8Array, ivs: Uint8Array) {
  const half = key.length / 2;
  const ecb = (part: Uint8Array, blocks: Uint8Array): Buffer => {
    const name = requireBlockCipher(cipher, half).openssl(half, 'ecb');
    return createCipheriv(name, part, null).setAutoPadding(false).update(blocks);
  };
  const starts = ecb(key.subarray(half), ivs);
  const tweaks = Buffer.alloc(data.length);
  for (let at = 0; at < data.length; at += BLOCK_SIZE) {
    const first = at % sectorSize === 0;
    const from = first ? starts : tweaks;
    const place = first ? (at / sectorSize) * IV_SIZE : at - BLOCK_SIZE;
    let low = from.readBigUInt64LE(place);
    let high = from.readBigUInt64LE(place + 8);
    if (!first) {
      const out = high >> 63n;
      high = BigInt.asUintN(64, (high << 1n) | (low >> 63n));
      low = BigInt.asUintN(64, low << 1n) ^ (out * 0x87n);
    }
    tweaks.writeBigUInt64LE(low, at);
    tweaks.writeBigUInt64LE(high, at + 8);
  }
  const xor = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => byte ^ (tweaks[i] ?? 0));
  return xor(ecb(key.subarray(0, half), xor(data)));
}

function pattern(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state >>> 24;
  });
}
