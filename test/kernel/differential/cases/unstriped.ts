import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const STATE: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];

/** unstriped: every stripe of devices of all shapes, over striped devices, past the device's end, and what is refused. */
export function cases(random: Random): Case[] {
  const all: Case[] = [];
  for (let i = 0; i < 14; i++) {
    const blockSize = random.pick([512, 512, 4096] as const);
    const unit = blockSize / 512;
    const stripes = random.between(1, 5);
    const chunk = random.between(1, 24) * unit;
    const rows = random.between(1, Math.max(1, Math.floor(7000 / (chunk * stripes))));
    const sectors = chunk * rows;
    const line = `0 ${sectors} unstriped ${stripes} ${chunk} ${random.below(stripes)} {a} ${random.below(64) * unit}`;
    all.push({
      name: `unstriped ${i}: ${stripes} stripes, chunks of ${chunk}, blocks of ${blockSize}`,
      disks: [{ sectors: 8192, blockSize }],
      devices: [{ name: 'top', table: [line] }],
      steps: [...STATE, ...workload(random, { sectors, unit }), { do: 'info' }],
    });
  }
  for (let i = 0; i < 6; i++) {
    const stripes = random.between(1, 4);
    const chunk = random.between(1, 16);
    const sectors = chunk * random.between(4, 20);
    const places = Array.from({ length: stripes }, (_, stripe) => {
      return `{${'abcd'.charAt(stripe)}} ${random.below(32)}`;
    });
    const device = `${sectors * stripes} striped ${stripes} ${chunk} ${places.join(' ')}`;
    all.push({
      name: `unstriped ${i}: one of ${stripes} stripes of a striped device`,
      disks: places.map(() => ({ sectors: 1024 })),
      devices: [
        { name: 'all', table: [`0 ${device}`] },
        {
          name: 'top',
          table: [`0 ${sectors} unstriped ${stripes} ${chunk} ${random.below(stripes)} {all} 0`],
        },
      ],
      steps: [...STATE, ...workload(random, { sectors }), { do: 'status', device: 'all' }],
    });
  }
  return [...all, ...odd(random), refused()];
}

function odd(random: Random): Case[] {
  return [
    {
      name: 'unstriped and the device below in turns, with other chunks than that',
      disks: [{ sectors: 2048 }, { sectors: 2048 }],
      devices: [
        { name: 'whole', table: ['0 2000 striped 2 10 {a} 1 {b} 3'] },
        { name: 'top', table: ['0 1000 unstriped 2 5 1 {whole} 0'] },
      ],
      steps: [
        ...STATE,
        ...workload(random, { sectors: 1000, steps: 12 }),
        ...workload(random, { sectors: 2000, steps: 12, device: 'whole' }),
        ...workload(random, { sectors: 1000, steps: 12 }),
      ],
    },
    {
      name: 'unstriped in several lines',
      disks: [{ sectors: 4096 }, { sectors: 4096 }],
      devices: [
        {
          name: 'top',
          table: [
            '0 160 unstriped 2 16 0 {a} 0',
            '160 160 unstriped 2 16 1 {a} 0',
            '320 300 linear {b} 0',
            '620 70 unstriped 3 7 2 {b} 999',
          ],
        },
      ],
      steps: [...STATE, ...workload(random, { sectors: 690, steps: 32 })],
    },
    {
      // Linux asks of the device that it be as large as the target, not as all stripes.
      name: 'unstriped past the end of the device',
      disks: [{ sectors: 1024 }],
      devices: [{ name: 'top', table: ['0 1024 unstriped 2 16 1 {a} 0'] }],
      steps: [
        ...STATE,
        { do: 'read', sector: 0, sectors: 512 },
        { do: 'read', sector: 496, sectors: 16 },
        { do: 'read', sector: 512, sectors: 1 },
        { do: 'read', sector: 510, sectors: 4 },
        { do: 'write', sector: 512, sectors: 8 },
        { do: 'write', sector: 508, sectors: 4 },
        { do: 'zeroes', sector: 900, sectors: 8 },
        { do: 'read', sector: 0, sectors: 512 },
      ],
    },
    {
      // The stripe behind the last one is not refused, and where there is one stripe, no number is.
      name: 'unstriped: stripes that are not there',
      disks: [{ sectors: 4096 }],
      devices: [{ name: 'top', table: ['0 512 unstriped 2 16 2 {a} 0'] }],
      steps: [
        ...STATE,
        { do: 'read', sector: 0, sectors: 512 },
        { do: 'write', sector: 10, sectors: 60 },
        { do: 'load', table: ['0 512 unstriped 1 16 7 {a} 3'] },
        { do: 'resume' },
        ...STATE,
        { do: 'read', sector: 0, sectors: 512 },
        { do: 'write', sector: 10, sectors: 60 },
      ],
    },
    {
      name: 'unstriped, read-only; it takes no messages',
      disks: [{ sectors: 1024 }],
      devices: [{ name: 'top', table: ['0 512 unstriped 2 16 1 {a} 0'], readOnly: true }],
      steps: [
        ...STATE,
        { do: 'read', sector: 3, sectors: 500 },
        { do: 'write', sector: 0, sectors: 8 },
        { do: 'zeroes', sector: 0, sectors: 8 },
        { do: 'message', sector: 0, words: 'hello' },
      ],
    },
  ];
}

/** Each of its own text, in the order in which Linux looks. */
function refused(): Case {
  const lines = [
    '',
    '2 16 0 {a}',
    '2 16 0 {a} 0 1',
    '0 16 0 {a} 0',
    'x 16 0 {a} 0',
    '-1 16 0 {a} 0',
    '4294967296 16 0 {a} 0',
    '2 0 0 {a} 0',
    '2 x 0 {a} 0',
    '2 16x 0 {a} 0',
    '2 4294967296 0 {a} 0',
    '2 16 x {a} 0',
    '2 16 -1 {a} 0',
    '2 16 3 {a} 0',
    '3 16 4 {a} 0',
    '2 16 4294967295 {a} 0',
    '2 16 4294967296 {a} 0',
    '2 16 3 /dev/nope x',
    '2 16 0 /dev/nope 0',
    '2 16 0 /dev/nope x',
    '2 16 0 240:7 0',
    '2 16 0 {a} x',
    '2 16 0 {a} -1',
    '2 16 0 {a} +1',
    '2 15 0 {a} 0',
    '2 15 0 {a} x',
    '2 16 0 {a} 1537',
    '2 16 0 {b} 1',
    // These are taken.
    '+2 +16 +1 {a} 0',
    '02 016 01 {a} 00',
    '2 16 2 {a} 0',
    '1 16 1 {a} 0',
    '2 512 1 {a} 0',
    '2 16 0 {a} 4',
    '2 16 0 {a} 1536',
  ];
  return {
    name: 'unstriped: refused tables',
    disks: [{ sectors: 2048 }, { sectors: 2048, blockSize: 4096 }],
    devices: [{ name: 'top', table: ['0 512 unstriped 2 16 0 {a} 0'] }],
    steps: [
      ...lines.map((args): Step => ({ do: 'load', table: [`0 512 unstriped ${args}`.trimEnd()] })),
      { do: 'load', table: ['0 500 unstriped 2 20 0 {b} 0'] },
      { do: 'load', table: ['0 2064 unstriped 2 16 0 {a} 0'] },
      { do: 'info' },
      { do: 'table' },
      { do: 'read', sector: 0, sectors: 512 },
    ],
  };
}
