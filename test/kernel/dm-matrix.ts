import { createHash } from 'node:crypto';

/**
 * Tables for the kernel and for us. `{a}` and `{b}` stand for the two devices below; every case has a
 * region of its own on both.
 */
export interface TableCase {
  readonly name: string;
  readonly table: string;
  /** Sectors of the mapped device. */
  readonly sectors: number;
}

/** Sectors of a case's region on each device, and sectors that its tables use at most. */
const REGION = 80;
const USED = 64;
/** A prime number of sectors before the first region, rounded to 4 KiB, so that offsets are not all alike. */
const FIRST = 104;

export interface Matrix {
  readonly cases: readonly TableCase[];
  /** Bytes of each device below. */
  readonly deviceSize: number;
}

/** Cipher strings with the key sizes (bytes) to try. */
const CIPHERS: readonly (readonly [string, readonly number[]])[] = [
  ['aes-xts-plain', [32, 64]],
  ['aes-xts-plain64be', [32, 64]],
  ['aes-xts-essiv:sha256', [64]],
  ['aes-xts-null', [64]],
  ['aes-cbc-plain', [16, 24, 32]],
  ['aes-cbc-plain64', [16, 24, 32]],
  ['aes-cbc-plain64be', [32]],
  ['aes-cbc-null', [16]],
  ['aes-cbc-benbi', [16, 32]],
  ['aes-cbc-eboiv', [16, 32]],
  ['aes-cbc-essiv:sha256', [16, 24, 32]],
  ['aes-cbc-essiv:md5', [16]],
  ['aes-ctr-plain64', [16, 32]],
  ['aes-ecb', [16, 24, 32]],
  ['aes', [32]],
  ['aes-plain', [16]],
  ['aes:2-cbc-plain64', [32, 64]],
  ['aes:4-cbc-essiv:sha256', [64, 128]],
  ['aes:2-xts-plain64', [64, 128]],
  ['camellia-xts-plain64', [32, 48, 64]],
  ['camellia-cbc-essiv:sha256', [16, 24, 32]],
  ['capi:xts(aes)-plain64', [32, 64]],
  ['capi:cbc(aes)-essiv:sha256', [32]],
  ['capi:ctr(aes)-plain64', [16]],
  ['capi:ecb(aes)', [32]],
];

const SECTOR_SIZES = [512, 1024, 2048, 4096];

export function tableMatrix(): Matrix {
  const cases: TableCase[] = [];
  const add = (name: string, sectors: number, make: (offset: number) => readonly string[]): void => {
    const offset = FIRST + cases.length * REGION;
    cases.push({ name, sectors, table: make(offset).join('\n') });
  };
  const addCrypt = (cipher: string, keySize: number, options: CryptTail): void => {
    const { sectorSize = 512, large = false, ivOffset = 0 } = options;
    const name = `${cipher} ${keySize * 8} bits, sectors of ${sectorSize}${large ? ' large' : ''}, IV ${ivOffset}`;
    add(name, USED, (offset) => [`0 ${USED} ${crypt(cipher, key(name, keySize), '{a}', offset, options)}`]);
  };

  for (const keySize of [32, 64]) {
    for (const sectorSize of SECTOR_SIZES) {
      for (const large of sectorSize === 512 ? [false] : [false, true]) {
        for (const ivOffset of [0, 8, 2 ** 32 - 16, 2 ** 40]) {
          addCrypt('aes-xts-plain64', keySize, { sectorSize, large, ivOffset });
        }
      }
    }
  }
  for (const [cipher, keySizes] of CIPHERS) {
    for (const keySize of keySizes) {
      addCrypt(cipher, keySize, { ivOffset: 2 ** 32 - 16 });
      addCrypt(cipher, keySize, { sectorSize: 4096 });
      addCrypt(cipher, keySize, { sectorSize: 2048, large: true, ivOffset: 24 });
    }
  }
  add('no encryption', USED, (offset) => [`0 ${USED} crypt cipher_null-ecb - 0 {a} ${offset}`]);
  add('every flag, in another order', USED, (offset) => [
    `0 ${USED} crypt aes-xts-plain64 ${key('flags', 64)} 8 {a} ${offset} 9 integrity_key_size:32 ` +
      'iv_large_sectors no_write_workqueue no_read_workqueue submit_from_crypt_cpus high_priority ' +
      'same_cpu_crypt allow_discards sector_size:4096',
  ]);
  add('options that say nothing', USED, (offset) => [
    `0 ${USED} crypt aes-xts-plain64 ${key('none', 64)} 0 {a} ${offset} 1 sector_size:512`,
  ]);
  add('a key in capitals, feature names too', USED, (offset) => [
    `0 ${USED} crypt aes-xts-plain64 ${key('capitals', 64).toUpperCase()} 0 {a} ${offset} 1 ALLOW_Discards`,
  ]);
  add('an XTS key with equal halves', USED, (offset) => [
    `0 ${USED} crypt aes-xts-plain64 ${key('half', 32).repeat(2)} 0 {a} ${offset}`,
  ]);
  add('a line behind another', 64, (offset) => [
    `0 13 linear {a} ${offset}`,
    '13 3 zero',
    `16 48 crypt aes-xts-plain64 ${key('behind', 64)} 0 {b} ${offset}`,
  ]);
  add('many lines', 64, (offset) => [
    `0 8 crypt aes-cbc-essiv:sha256 ${key('many', 32)} 8 {b} ${offset + 40} 1 sector_size:4096`,
    `8 8 linear {a} ${offset + 8}`,
    `16 8 crypt aes-xts-plain64 ${key('lines', 64)} 16 {a} ${offset} 2 sector_size:4096 iv_large_sectors`,
    '24 16 zero',
    `40 8 crypt aes-xts-plain64 ${key('lines', 64)} 40 {a} ${offset + 16} 1 allow_discards`,
    `48 8 linear {b} ${offset}`,
    `56 8 crypt cipher_null-ecb - 0 {b} ${offset + 16}`,
  ]);
  add('crypt lines that begin anywhere', 61, (offset) => [
    `0 7 crypt aes-xts-plain64 ${key('one', 64)} 0 {a} ${offset}`,
    `7 1 crypt aes-xts-plain64 ${key('two', 32)} 7 {b} ${offset + 3}`,
    `8 53 crypt aes-cbc-plain64 ${key('three', 32)} 8 {b} ${offset + 11}`,
  ]);
  add('linear', 64, (offset) => [`0 64 linear {a} ${offset}`]);
  add('zero', 64, () => ['0 64 zero']);
  return { cases, deviceSize: (FIRST + cases.length * REGION) * 512 };
}

/** Lines that cannot be loaded; the devices below have `size` sectors. */
export function badTables(size: number): readonly string[] {
  const xts = `aes-xts-plain64 ${key('bad', 64)}`;
  const crypt = (tail: string): string => `0 32 crypt ${xts} ${tail}`;
  return [
    '0 8 nosuch x',
    '1 8 linear {a} 0',
    '0 8 linear {a} 0\n9 8 linear {a} 0',
    '0 8 linear {a} 0\n7 8 linear {a} 0',
    '0 0 linear {a} 0',
    '0 8 linear {a}',
    '0 8 linear {a} 0 0',
    '0 8 linear {a} x',
    '0 8 linear {a} 1x',
    '0 8 linear {a} -1',
    '0 8 linear /dev/nope 0',
    `0 ${size + 1} linear {a} 0`,
    `0 8 linear {a} ${size - 7}`,
    '0 8 zero x',
    '0 8 error {a} x',
    `0 32 crypt ${xts} 0 {a}`,
    '0 32 crypt',
    `0 32 crypt aes-xts-plain64 ${key('short', 16)} 0 {a} 0`,
    `0 32 crypt aes-xts-plain64 ${key('odd', 64)}00 0 {a} 0`,
    `0 32 crypt aes-xts-plain64 ${'zz'.repeat(64)} 0 {a} 0`,
    '0 32 crypt aes-xts-plain64 - 0 {a} 0',
    `0 32 crypt cipher_null-ecb ${key('null', 16)} 0 {a} 0`,
    `0 32 crypt aes-cbc-foo ${key('iv', 32)} 0 {a} 0`,
    `0 32 crypt aes-cbc ${key('iv', 32)} 0 {a} 0`,
    `0 32 crypt nosuch-cbc-plain64 ${key('iv', 32)} 0 {a} 0`,
    `0 32 crypt aes-nosuch-plain64 ${key('iv', 32)} 0 {a} 0`,
    `0 32 crypt aes:3-cbc-plain64 ${key('iv', 48)} 0 {a} 0`,
    `0 32 crypt aes:x-cbc-plain64 ${key('iv', 32)} 0 {a} 0`,
    crypt('x {a} 0'),
    crypt('-1 {a} 0'),
    crypt('4 {a} 0 1 sector_size:4096'),
    crypt('0 /dev/nope 0'),
    crypt('0 {a} x'),
    crypt(`0 {a} ${size - 31}`),
    crypt('0 {a} 1 1 sector_size:4096'),
    crypt('0 {a} 0 1 sector_size:8192'),
    crypt('0 {a} 0 1 sector_size:1000'),
    crypt('0 {a} 0 1 sector_size:256'),
    crypt('0 {a} 0 1 sector_size:x'),
    crypt('0 {a} 0 x'),
    crypt('0 {a} 0 2 allow_discards'),
    crypt('0 {a} 0 10 1 2 3 4 5 6 7 8 9 10'),
    crypt('0 {a} 0 1 nosuch'),
    crypt('0 {a} 0 1 integrity:0:aead'),
    crypt('0 {a} 0 1 integrity:16:nosuch'),
    crypt('0 {a} 0 1 integrity_key_size:0'),
    `0 31 crypt ${xts} 0 {a} 0 1 sector_size:4096`,
    `0 4 linear {a} 0\n4 32 crypt ${xts} 0 {a} 8 1 sector_size:4096`,
    `0 4 linear {a} 0\n4 4 zero\n8 32 crypt ${xts} 0 {a} 8 1 sector_size:4096\n40 4 linear {a} 0`,
  ];
}

interface CryptTail {
  readonly sectorSize?: number;
  readonly large?: boolean;
  readonly ivOffset?: number;
}

function crypt(cipher: string, hex: string, device: string, offset: number, options: CryptTail): string {
  const { sectorSize = 512, large = false, ivOffset = 0 } = options;
  const words = [
    ...(sectorSize === 512 ? [] : [`sector_size:${sectorSize}`]),
    ...(large ? ['iv_large_sectors'] : []),
  ];
  const tail = words.length === 0 ? [] : [String(words.length), ...words];
  return ['crypt', cipher, hex, String(ivOffset), device, String(offset), ...tail].join(' ');
}

/** A key that is the same in every run; the halves of an XTS key differ. */
function key(seed: string, size: number): string {
  return createHash('shake256', { outputLength: size }).update(seed).digest('hex');
}
