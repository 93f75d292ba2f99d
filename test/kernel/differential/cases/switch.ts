import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const STATE: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];

/**
 * switch: regions and paths of all sizes, mappings changed between requests, and what is refused. No discard goes
 * beyond a region: Linux sends the whole of such a one down the first region's path.
 */
export function cases(random: Random): Case[] {
  const all: Case[] = [];
  for (let i = 0; i < 16; i++) {
    const blockSize = random.pick([512, 512, 4096] as const);
    const unit = blockSize / 512;
    const paths = random.between(1, 5);
    const region = random.between(1, 100) * unit;
    const sectors = random.between(1, 300) * unit;
    const regions = Math.ceil(sectors / region);
    const places = Array.from({ length: paths }, (_, path) => {
      return `{${'abcde'.charAt(path)}} ${random.below(64) * unit}`;
    });
    const kinds = ['read', 'read', 'write', 'write', 'zeroes', 'flush'] as const;
    const message = (): Step => ({
      do: 'message',
      sector: random.below(sectors),
      words: `set_region_mappings ${mappings(random, regions, paths)}`,
    });
    const rounds = Array.from({ length: 5 }, () => [
      message(),
      ...workload(random, { sectors, unit, steps: 8, kinds }),
    ]);
    const first = random.below(regions) * region;
    all.push({
      name: `switch ${i}: ${paths} paths, regions of ${region}, blocks of ${blockSize}`,
      disks: places.map(() => ({ sectors: 4096, blockSize })),
      devices: [{ name: 'top', table: [`0 ${sectors} switch ${paths} ${region} 0 ${places.join(' ')}`] }],
      steps: [
        ...STATE,
        ...rounds.flat(),
        { do: 'discard', sector: first, sectors: Math.min(region, sectors - first) },
        ...STATE,
        { do: 'info' },
      ],
    });
  }
  return [...all, ...messages(random), ...odd(random), refused()];
}

/** Words of `set_region_mappings` for 20 regions and three paths, right ones and wrong ones. */
const WORDS = [
  '0:1 :2 :0 8:2 R2,5',
  '',
  ':1',
  'R1,1',
  ':2 :0',
  '13:2 :0 :1',
  '14:0',
  '14:3',
  '0:3',
  '0:2 1:3 2:0',
  'a:1 A:2 b:0',
  'a:1 0xb:1',
  '1:0x1',
  '0:',
  ':',
  '5',
  '5:1 extra',
  '5:1:2',
  '5:1:',
  '5:1 :',
  '0:g',
  'g:0',
  '::1',
  '0:0 :1 R2,4 :2',
  '0:0 :1 :2 R3,11 1:1',
  'r1,1',
  '5:1 R1,',
  '5:1 R,1',
  '5:1 R1',
  '5:1 R1:1',
  '5:1 R1,1,1',
  '5:1 RR1,1',
  '5:1 Rx,1',
  '5:1 R1,x',
  '5:1 R0,2',
  '5:1 R0,0',
  '5:1 R1,0',
  '5:1 R1,0 :2',
  '5:1 R7,1',
  '5:1 R6,1',
  '5:2 r1,3',
  '5:0 R1,e',
  '5:1 R1,f',
  '5:1 R1,fffffff',
  '5:2 R1,ffffffffffffffff',
  '5:1 R1,fffffffffffffffb',
  '5:0 R11111111111111111,1',
  '5:0 :1 Ra,1',
  '13:1 R1,0',
  '100000000:1',
  'ffffffffffffffff:0',
  '10000000000000001:2',
  '0:100000000',
  '0:10000000000000002',
  '00000000000000000000001:1',
  '2:00000000000000000000001',
  '+1:1',
  '-1:1',
  '1 :1',
  '1:1,2:1',
  '0:1 @x',
  '0:1  :2\t:1',
];

function messages(random: Random): Case[] {
  const table = ['0 1990 switch 3 100 0 {a} 0 {b} 0 {c} 0'];
  const disks = [{ sectors: 2048 }, { sectors: 2048 }, { sectors: 2048 }];
  // A read of all tells which path each region takes.
  const read: Step = { do: 'read', sector: 0, sectors: 1990 };
  const send = (words: string, sector = 0): Step => ({ do: 'message', sector, words });
  return [
    {
      name: 'switch: every message',
      disks,
      devices: [{ name: 'top', table }],
      steps: [
        read,
        ...WORDS.flatMap((words) => [send(`set_region_mappings ${words}`), read]),
        send('SET_Region_Mappings 0:0 :0'),
        send('set_region_mapping 0:1'),
        send('set_region_mappings_x 0:1'),
        send('nonsense'),
        read,
        send('set_region_mappings 3:2', 1989),
        send('set_region_mappings 4:2', 1990),
        read,
        { do: 'info' },
      ],
    },
    {
      name: 'switch: messages while suspended, and tables that begin anew',
      disks,
      devices: [{ name: 'top', table }],
      steps: [
        { do: 'suspend' },
        send('set_region_mappings 0:2 :2 :2'),
        { do: 'info' },
        { do: 'resume' },
        read,
        { do: 'load', table },
        send('set_region_mappings 0:1 R1,12'),
        read,
        { do: 'resume' },
        read,
        send('set_region_mappings 0:1 R1,12'),
        { do: 'suspend' },
        { do: 'resume' },
        read,
        ...workload(random, { sectors: 1990, steps: 12, kinds: ['read', 'write', 'zeroes', 'flush'] }),
      ],
    },
    {
      name: 'switch: messages to one of several lines',
      disks,
      devices: [
        {
          name: 'top',
          table: [
            '0 300 switch 2 50 0 {a} 0 {b} 0',
            '300 100 linear {c} 0',
            '400 301 switch 3 50 0 {a} 500 {b} 500 {c} 500',
          ],
        },
      ],
      steps: [
        ...STATE,
        send('set_region_mappings 0:1 R1,5', 0),
        { do: 'read', sector: 0, sectors: 701 },
        send('set_region_mappings 0:2 R1,6', 400),
        { do: 'read', sector: 0, sectors: 701 },
        send('set_region_mappings 6:0', 350),
        send('set_region_mappings 6:0', 299),
        send('set_region_mappings 7:0', 700),
        send('set_region_mappings 6:0', 700),
        { do: 'read', sector: 0, sectors: 701 },
        ...workload(random, { sectors: 701, steps: 20, kinds: ['read', 'write', 'zeroes', 'flush'] }),
      ],
    },
  ];
}

function odd(random: Random): Case[] {
  return [
    {
      name: 'switch over devices with chunks',
      disks: [{ sectors: 2048 }, { sectors: 2048 }, { sectors: 2048 }],
      devices: [
        { name: 'whole', table: ['0 2048 striped 2 8 {a} 0 {b} 0'] },
        { name: 'top', table: ['0 1600 switch 2 16 0 {whole} 3 {c} 1'] },
      ],
      steps: [
        ...STATE,
        ...workload(random, { sectors: 1600, steps: 30, kinds: ['read', 'write', 'zeroes', 'flush'] }),
      ],
    },
    {
      name: 'switch: one of the devices fails, another does not discard',
      disks: [{ sectors: 2048 }, { sectors: 2048 }],
      devices: [
        { name: 'broken', table: ['0 1024 error {b} 0'] },
        { name: 'single', table: ['0 1024 unstriped 1 16 0 {b} 0'] },
        { name: 'top', table: ['0 1024 switch 3 32 0 {a} 0 {broken} 0 {single} 0'] },
      ],
      steps: [
        ...STATE,
        { do: 'read', sector: 0, sectors: 32 },
        { do: 'read', sector: 31, sectors: 2 },
        { do: 'write', sector: 40, sectors: 4 },
        { do: 'write', sector: 70, sectors: 4 },
        { do: 'discard', sector: 0, sectors: 8 },
        { do: 'discard', sector: 64, sectors: 8 },
        { do: 'message', sector: 0, words: 'set_region_mappings 1:0 R1,1e' },
        { do: 'read', sector: 0, sectors: 1024 },
        { do: 'status' },
        { do: 'info' },
      ],
    },
    {
      name: 'switch, read-only',
      disks: [{ sectors: 1024 }, { sectors: 1024 }],
      devices: [{ name: 'top', table: ['0 1024 switch 2 64 0 {a} 0 {b} 0'], readOnly: true }],
      steps: [
        ...STATE,
        { do: 'read', sector: 0, sectors: 1024 },
        { do: 'message', sector: 0, words: 'set_region_mappings 0:1' },
        { do: 'read', sector: 0, sectors: 1024 },
        { do: 'write', sector: 0, sectors: 8 },
      ],
    },
  ];
}

/** Each of its own text, in the order in which Linux looks. */
function refused(): Case {
  const lines = [
    '',
    '2',
    '2 64',
    '2 64 0',
    '2 64 0 {a}',
    '2 64 0 {a} 0',
    '2 64 0 {a} 0 {b}',
    '2 64 0 {a} 0 {b} 0 {c}',
    '1 64 0 {a} 0 {b} 0',
    '3 64 0 {a} 0 {b} 0',
    '0 64 0 {a} 0',
    'x 64 0 {a} 0',
    '-1 64 0 {a} 0',
    '+1 64 0 {a} 0',
    '2x 64 0 {a} 0 {b} 0',
    '262141 64 0 {a} 0',
    '262142 64 0 {a} 0',
    '4294967295 64 0 {a} 0',
    '2 0 0 {a} 0 {b} 0',
    '2 x 0 {a} 0 {b} 0',
    '2 64x 0 {a} 0 {b} 0',
    '2 +64 0 {a} 0 {b} 0',
    '2 4294967296 0 {a} 0 {b} 0',
    '2 64 1 x {a} 0 {b} 0',
    '2 64 1 {a} 0 {b} 0',
    '2 64 x {a} 0 {b} 0',
    '2 64 9 {a} 0 {b} 0',
    '2 64 0 {a} x {b} 0',
    '2 64 0 {a} 0 {b} -1',
    '2 64 0 {a} 0 {b} 1x',
    '2 64 0 {a} 0 {b} 18446744073709551616',
    '2 64 0 {a} 0 /dev/nope 0',
    '2 64 0 /dev/nope x {b} 0',
    '2 64 0 240:7 0 {b} 0',
    '2 64 0 {a} 9999 {b} 0',
    '2 64 0 {a} 0 {b} 1025',
    '2 64 0 {a} 0 {c} 1',
    // These are taken.
    '01 064 00 {a} 00',
    '2 64 0 {a} 0 {b} +1',
    '2 4294967295 0 {a} 0 {b} 0',
    '2 1000 0 {a} 7 {a} 8',
  ];
  return {
    name: 'switch: refused tables',
    disks: [{ sectors: 2048 }, { sectors: 2048 }, { sectors: 2048, blockSize: 4096 }],
    devices: [{ name: 'top', table: ['0 1024 switch 2 64 0 {a} 0 {b} 0'] }],
    steps: [
      ...lines.map((args): Step => ({ do: 'load', table: [`0 1024 switch ${args}`.trimEnd()] })),
      { do: 'load', table: ['0 1020 switch 1 64 0 {c} 0'] },
      { do: 'info' },
      { do: 'table' },
      { do: 'read', sector: 0, sectors: 1024 },
    ],
  };
}

/** Single regions, following ones and runs, all of them valid. */
function mappings(random: Random, regions: number, paths: number): string {
  const words: string[] = [];
  let last = random.below(regions);
  words.push(`${last.toString(16)}:${random.below(paths).toString(16)}`);
  for (let i = random.between(0, 6); i > 0; i--) {
    const room = regions - 1 - last;
    const kind = room > 0 ? random.pick(['next', 'run', 'any']) : 'any';
    if (kind === 'next') {
      last++;
      words.push(`:${random.below(paths).toString(16)}`);
    } else if (kind === 'run') {
      const run = random.between(1, room);
      words.push(`R${random.between(1, last + 1).toString(16)},${run.toString(16)}`);
      last += run;
    } else {
      last = random.below(regions);
      words.push(`${last.toString(16).toUpperCase()}:${random.below(paths).toString(16)}`);
    }
  }
  return words.join(' ');
}
