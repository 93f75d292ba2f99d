import { createHash } from 'node:crypto';
import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const CIPHERS: readonly (readonly [cipher: string, keySize: number])[] = [
  ['aes-xts-plain64', 64],
  ['aes-xts-plain64', 32],
  ['aes-xts-plain64be', 64],
  ['aes-cbc-essiv:sha256', 32],
  ['aes-cbc-plain', 16],
  ['aes-cbc-benbi', 16],
  ['aes-cbc-eboiv', 32],
  ['aes:4-cbc-essiv:sha256', 128],
  ['camellia-xts-plain64', 64],
  ['capi:cbc(aes)-essiv:sha256', 32],
];

/** crypt: requests of every size over every sector size, options, key messages, and what is refused. */
export function cases(random: Random): Case[] {
  const all: Case[] = [];
  for (const [i, [cipher, keySize]] of CIPHERS.entries()) {
    const blockSize = random.pick([512, 512, 4096] as const);
    const sectorSize = random.pick(
      [512, 1024, 2048, 4096].filter((size) => size >= blockSize || blockSize === 512),
    );
    const unit = Math.max(sectorSize, blockSize) / 512;
    const sectors = random.between(128, 6000 / unit) * unit;
    const options = [
      ...(sectorSize === 512 ? [] : [`sector_size:${sectorSize}`]),
      ...(sectorSize > 512 && random.chance(50) ? ['iv_large_sectors'] : []),
      ...(random.chance(60) ? ['allow_discards'] : []),
      ...(random.chance(30) ? ['same_cpu_crypt'] : []),
      ...(random.chance(30) ? ['submit_from_crypt_cpus'] : []),
      ...(random.chance(30) ? ['no_read_workqueue', 'no_write_workqueue'] : []),
      ...(random.chance(20) ? ['high_priority'] : []),
    ];
    const tail = options.length === 0 ? '' : ` ${options.length} ${random.shuffle(options).join(' ')}`;
    const ivOffset = random.pick([0, 8, 2 ** 32 - 16]);
    const line = `0 ${sectors} crypt ${cipher} ${key(`${i}`, keySize)} ${ivOffset} {a} ${random.between(0, 200 / unit) * unit}`;
    all.push({
      name: `crypt ${i}: ${cipher}, sectors of ${sectorSize} over ${blockSize}`,
      disks: [{ sectors: 8192, blockSize }],
      devices: [{ name: 'top', table: [line + tail] }],
      steps: [...look, ...workload(random, { sectors, unit, longest: 700 })],
    });
  }
  for (let i = 0; i < 4; i++) {
    const table: string[] = [];
    let start = 0;
    for (let line = 0; line < 4; line++) {
      const length = random.between(1, 60) * 8;
      const tail = random.pick([
        '',
        ' 1 allow_discards',
        ' 1 sector_size:4096',
        ' 2 sector_size:2048 allow_discards',
      ]);
      table.push(
        random.chance(30)
          ? `${start} ${length} linear {b} ${random.between(0, 500) * 8}`
          : `${start} ${length} crypt aes-xts-plain64 ${key(`${i} ${line}`, 32)} ${start} {a} ${random.between(0, 900) * 8}${tail}`,
      );
      start += length;
    }
    all.push({
      name: `crypt in several lines ${i}`,
      disks: [{ sectors: 8192 }, { sectors: 8192 }],
      devices: [{ name: 'top', table }],
      steps: [...look, ...workload(random, { sectors: start, unit: 8, steps: 30 })],
    });
  }
  const xts = `aes-xts-plain64 ${key('messages', 64)}`;
  all.push({
    name: 'crypt: keys by message',
    disks: [{ sectors: 2048 }],
    devices: [{ name: 'top', table: [`0 1024 crypt ${xts} 0 {a} 0`] }],
    steps: [
      { do: 'write', sector: 3, sectors: 30 },
      message('key wipe'),
      message('key'),
      message('nonsense'),
      message('key set 00', 1024),
      { do: 'suspend' },
      message('key'),
      message('key wipe now'),
      message('key set 00'),
      message('key set zz'),
      message(`key set ${key('messages', 32)}`),
      message(`key set ${key('another', 64)}`),
      { do: 'table' },
      { do: 'resume' },
      { do: 'read', sector: 0, sectors: 64 },
      { do: 'write', sector: 8, sectors: 5 },
      { do: 'suspend' },
      message('KEY Wipe'),
      { do: 'table' },
      { do: 'resume' },
      { do: 'info' },
      message(`key set ${key('messages', 64)}`),
      { do: 'resume' },
      ...look,
      { do: 'read', sector: 0, sectors: 64 },
    ],
  });
  const crypt = (tail: string): string => `0 32 crypt ${xts} ${tail}`;
  all.push({
    name: 'crypt: refused tables',
    disks: [{ sectors: 1024 }, { sectors: 1024, blockSize: 4096 }],
    devices: [{ name: 'top', table: [] }],
    steps: [
      '0 32 crypt',
      `0 32 crypt ${xts} 0 {a}`,
      `0 32 crypt aes-xts-plain64 ${key('short', 16)} 0 {a} 0`,
      `0 32 crypt aes-xts-plain64 ${'zz'.repeat(64)} 0 {a} 0`,
      '0 32 crypt aes-xts-plain64 - 0 {a} 0',
      `0 32 crypt cipher_null-ecb ${key('null', 16)} 0 {a} 0`,
      `0 32 crypt aes-cbc-foo ${key('iv', 32)} 0 {a} 0`,
      `0 32 crypt aes-cbc ${key('iv', 32)} 0 {a} 0`,
      `0 32 crypt nosuch-cbc-plain64 ${key('iv', 32)} 0 {a} 0`,
      `0 32 crypt aes:3-cbc-plain64 ${key('iv', 48)} 0 {a} 0`,
      crypt('x {a} 0'),
      crypt('-1 {a} 0'),
      crypt('4 {a} 0 1 sector_size:4096'),
      crypt('0 /dev/nope 0'),
      crypt('0 {a} x'),
      crypt('0 {a} 1000'),
      crypt('0 {a} 1 1 sector_size:4096'),
      crypt('0 {b} 1'),
      crypt('0 {a} 0 1 sector_size:8192'),
      crypt('0 {a} 0 1 sector_size:1000'),
      crypt('0 {a} 0 1 sector_size:x'),
      crypt('0 {a} 0 x'),
      crypt('0 {a} 0 2 allow_discards'),
      crypt('0 {a} 0 10 1 2 3 4 5 6 7 8 9 10'),
      crypt('0 {a} 0 1 nosuch'),
      `0 31 crypt ${xts} 0 {a} 0 1 sector_size:4096`,
    ].map((line): Step => ({ do: 'load', table: [line] })),
  });
  return all;
}

const look: readonly Step[] = [{ do: 'info' }, { do: 'status' }, { do: 'table' }, { do: 'limits' }];

function message(words: string, sector = 0): Step {
  return { do: 'message', sector, words };
}

/** A key that is the same in every run; the halves of an XTS key differ. */
function key(seed: string, size: number): string {
  return createHash('shake256', { outputLength: size }).update(seed).digest('hex');
}
