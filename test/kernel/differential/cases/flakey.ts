import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const look: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];

/**
 * flakey: every feature while it is always up or always down, since nothing else is deterministic; nor is what the
 * random features do when they do anything.
 */
export function cases(random: Random): Case[] {
  return [...down(random), ...corrupting(random), ...up(random), ...mixed(random), ...refused()];
}

function down(random: Random): Case[] {
  const features = [
    '',
    ' 1 error_reads',
    ' 1 error_writes',
    ' 1 drop_writes',
    ' 2 error_reads drop_writes',
    ' 6 error_writes corrupt_bio_byte 40 r 9 0',
    ' 6 drop_writes corrupt_bio_byte 40 r 9 0',
    ' 6 corrupt_bio_byte 40 w 9 0 error_reads',
    ' 3 random_write_corrupt 1000000000 drop_writes',
    ' 3 random_read_corrupt 1000000000 error_reads',
  ];
  return features.map((given, i): Case => {
    const sectors = random.between(256, 2048);
    const offset = random.between(0, 1000);
    return {
      name: `flakey down ${i}:${given}`,
      disks: [{ sectors: 4096 }],
      devices: [
        { name: 'top', table: [`0 ${sectors} flakey {a} ${offset} 0 ${random.between(1, 60)}${given}`] },
      ],
      steps: [
        ...look,
        ...workload(random, { sectors, steps: 20 }),
        { do: 'flush' },
        { do: 'suspend' },
        { do: 'resume' },
        { do: 'info' },
      ],
    };
  });
}

/** Bytes at every kind of place, flags that match some requests, all, or none. */
function corrupting(random: Random): Case[] {
  const flags = [0, 1, 2048, 32768, 131072, 34817, 4096, 262144, 4294967295];
  return flags.flatMap((mask, i): Case[] => {
    const direction = random.pick(['r', 'w']);
    const nth = random.pick([1, 2, 100, 512, 513, 4096, 5000, 70000, 4294967295]);
    const line = (dir: string, args: string) =>
      `flakey {a} 3 0 5 5 corrupt_bio_byte ${args.replace('D', dir)}`;
    const one = (dir: string): Case => ({
      name: `flakey corrupts ${i}: byte ${nth} ${dir} flags ${mask}`,
      disks: [{ sectors: 4096 }],
      devices: [{ name: 'top', table: [`0 1024 ${line(dir, `${nth} D ${random.below(256)} ${mask}`)}`] }],
      steps: [...look, ...workload(random, { sectors: 1024, steps: 20 })],
    });
    return i < 4 ? [one('r'), one('w')] : [one(direction)];
  });
}

function up(random: Random): Case[] {
  return [
    '1000000 1',
    '1 0',
    '4294967294 1 4 random_write_corrupt 5 random_read_corrupt 1000000000',
    '100000 1 11 random_write_corrupt 6 corrupt_bio_byte 1 r 1 0 random_read_corrupt 5 drop_writes error_reads',
    '7 0 5 corrupt_bio_byte 1 W 1 0',
    '007 00 3 Error_Reads RANDOM_READ_CORRUPT 0',
  ].map((given, i): Case => {
    const blockSize = i % 2 === 0 ? 512 : 4096;
    const unit = blockSize / 512;
    return {
      name: `flakey up ${i}: ${given}`,
      disks: [{ sectors: 4096, blockSize }],
      devices: [{ name: 'top', table: [`0 2048 flakey {a} ${random.between(0, 100) * unit} ${given}`] }],
      steps: [...look, ...workload(random, { sectors: 2048, unit, steps: 16 }), { do: 'info' }],
    };
  });
}

function mixed(random: Random): Case[] {
  return [
    {
      name: 'flakey: beside others, each counting the byte of its own piece',
      disks: [{ sectors: 4096 }],
      devices: [
        {
          name: 'top',
          table: [
            '0 100 flakey {a} 0 0 1 5 corrupt_bio_byte 7 r 1 0',
            '100 100 linear {a} 100',
            '200 31 flakey {a} 900 0 1 5 corrupt_bio_byte 3 w 2 0',
            '231 300 flakey {a} 1000 0 1 1 drop_writes',
          ],
        },
      ],
      steps: [...look, ...workload(random, { sectors: 531 })],
    },
    {
      name: 'flakey: over flakey and under linear',
      disks: [{ sectors: 4096 }],
      devices: [
        { name: 'lower', table: ['0 2048 flakey {a} 8 0 1 5 corrupt_bio_byte 5 w 3 0'] },
        { name: 'middle', table: ['0 1024 flakey {lower} 16 0 1 5 corrupt_bio_byte 6 w 4 0'] },
        { name: 'top', table: ['0 500 linear {middle} 3', '500 100 linear {lower} 1500'] },
      ],
      steps: [...look, ...workload(random, { sectors: 600 })],
    },
    {
      name: 'flakey: from good to bad and back',
      disks: [{ sectors: 2048 }],
      devices: [{ name: 'top', table: ['0 1024 flakey {a} 0 100000 0'] }],
      steps: [
        { do: 'write', sector: 0, sectors: 64 },
        { do: 'load', table: ['0 1024 flakey {a} 0 0 180 1 drop_writes'] },
        { do: 'suspend' },
        { do: 'resume' },
        { do: 'table' },
        { do: 'write', sector: 32, sectors: 64 },
        { do: 'flush' },
        { do: 'read', sector: 0, sectors: 128 },
        { do: 'load', table: ['0 1024 flakey {a} 0 0 180 1 error_writes'] },
        { do: 'resume' },
        { do: 'write', sector: 32, sectors: 64 },
        { do: 'flush' },
        { do: 'load', table: ['0 1024 flakey {a} 0 180 0'] },
        { do: 'resume' },
        ...workload(random, { sectors: 1024, steps: 10 }),
        { do: 'message', sector: 0, words: 'enable' },
      ],
    },
    {
      name: 'flakey: read-only',
      disks: [{ sectors: 2048 }],
      devices: [
        { name: 'top', table: ['0 1024 flakey {a} 0 0 1 5 corrupt_bio_byte 4 r 5 0'], readOnly: true },
      ],
      steps: [...look, ...workload(random, { sectors: 1024, kinds: ['read'], steps: 8 }), { do: 'info' }],
    },
  ];
}

function refused(): Case[] {
  const required = [
    '',
    '{a} 0 1',
    '{a} x 1 1',
    '{a} x x x',
    '{a} 0 x 1',
    '{a} 0 1 x',
    '{a} 0 -1 1',
    '{a} 0 1 -1',
    '{a} 0 +1 1',
    '{a} 0 0 0',
    '{a} 0 4294967295 1',
    '{a} 0 2147483648 2147483648',
    '{a} 0 4294967295 2',
    '/dev/nope 0 1 1',
    '/dev/nope x 1 1',
    '/dev/nope 0 0 0',
    '/dev/nope 0 1 1 1 bogus',
    '{a} 1500 1 1',
    '{b} 1 1 1',
  ];
  const features = [
    'x',
    '-1',
    '1',
    '12 error_reads',
    `12${' random_read_corrupt 1'.repeat(6)}`,
    '1 bogus',
    '1 error_reads,error_writes',
    '2 error_reads',
    '2 error_reads error_reads',
    '2 error_writes error_writes',
    '2 drop_writes drop_writes',
    '2 drop_writes error_writes',
    '2 error_writes drop_writes',
    '3 drop_writes error_writes bogus',
    '1 corrupt_bio_byte',
    '1 corrupt_bio_byte 1 r 1 0',
    '2 corrupt_bio_byte 1',
    '3 corrupt_bio_byte 1 r',
    '4 corrupt_bio_byte 1 r 1',
    '3 corrupt_bio_byte 1 r 1 0',
    '3 corrupt_bio_byte 1 r 1 0 x',
    '4 corrupt_bio_byte 1 r 1 0 error_reads',
    '5 corrupt_bio_byte 0 r 1 0',
    '5 corrupt_bio_byte x r 1 0',
    '5 corrupt_bio_byte 1 rw 1 0',
    '5 corrupt_bio_byte 1 r 256 0',
    '5 corrupt_bio_byte 1 r 1 0x20',
    '6 corrupt_bio_byte 1 w 1 0 drop_writes',
    '6 drop_writes corrupt_bio_byte 1 w 1 0',
    '6 corrupt_bio_byte 1 w 1 0 error_writes',
    '7 corrupt_bio_byte 1 w 1 0 error_writes bogus',
    '11 corrupt_bio_byte 2 r 2 0 drop_writes corrupt_bio_byte 1 w 1 0',
    '1 random_read_corrupt',
    '1 random_write_corrupt 7',
    '2 random_read_corrupt 1000000001',
    '2 random_write_corrupt x',
  ];
  const lines = [...required, ...features.map((given) => `{a} 0 1 1 ${given}`)];
  return [
    {
      name: 'flakey: refused tables',
      disks: [{ sectors: 2048 }, { sectors: 2048, blockSize: 4096 }],
      devices: [{ name: 'top', table: ['0 1024 flakey {a} 0 1 0'] }],
      steps: [
        ...lines.map((args): Step => ({ do: 'load', table: [`0 1024 flakey ${args}`.trimEnd()] })),
        { do: 'info' },
        { do: 'table' },
      ],
    },
  ];
}
