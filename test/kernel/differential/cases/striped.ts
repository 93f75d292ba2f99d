import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const STATE: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];
const FAILURES: readonly Step[] = [{ do: 'read', sector: 1, sectors: 2 }, { do: 'status' }, { do: 'info' }];

/** striped: counts and chunks of all kinds, several lines, stacks, stripes that fail, reloads, and what is refused. */
export function cases(random: Random): Case[] {
  const all: Case[] = [];
  for (let i = 0; i < 16; i++) {
    const blockSize = random.pick([512, 512, 512, 4096] as const);
    const unit = blockSize / 512;
    const count = random.between(1, 5);
    const chunk = random.between(1, 40) * unit;
    const rows = random.between(1, 24);
    const sectors = chunk * rows * count;
    const places = Array.from({ length: count }, (_, stripe) => {
      return `{${'abcde'.charAt(stripe)}} ${random.below(64) * unit}`;
    });
    all.push({
      name: `striped ${i}: ${count} stripes, chunks of ${chunk}, blocks of ${blockSize}`,
      disks: places.map(() => ({ sectors: 4096 + 64 * 8, blockSize })),
      devices: [{ name: 'top', table: [`0 ${sectors} striped ${count} ${chunk} ${places.join(' ')}`] }],
      steps: [...STATE, ...workload(random, { sectors, unit, steps: 30 }), ...STATE, { do: 'info' }],
    });
  }
  return [...all, ...inLines(random), ...stacked(random), ...failing(), ...reloaded(random), refused()];
}

/** Beside other lines and each other: limits are those of all, requests cross the borders. */
function inLines(random: Random): Case[] {
  const tables = [
    ['0 960 striped 2 16 {a} 0 {b} 0', '960 500 linear {c} 3'],
    ['0 960 striped 2 10 {a} 0 {b} 1000', '960 960 striped 3 16 {a} 1000 {b} 0 {c} 7'],
    [
      '0 5 zero',
      '5 999 striped 3 9 {a} 1 {b} 2 {c} 3',
      '1004 100 linear {a} 2000',
      '1104 2 striped 2 1 {b} 9 {c} 5000',
    ],
    ['0 900 striped 3 12 {a} 0 {a} 400 {a} 800', '900 256 unstriped 2 16 1 {b} 5'],
    ['0 512 striped 2 64 {a} 0 {a} 300', '512 511 striped 1 7 {b} 0'],
  ];
  return tables.map((table, i) => {
    const [start = 0, length = 0] = (table.at(-1) ?? '').split(' ').map(Number);
    return {
      name: `striped in several lines ${i}`,
      disks: [{ sectors: 8192 }, { sectors: 8192 }, { sectors: 8192 }],
      devices: [{ name: 'top', table }],
      steps: [...STATE, ...workload(random, { sectors: start + length, steps: 32, longest: 900 })],
    };
  });
}

/** Over devices that have chunks themselves, or cannot discard; read-only. */
function stacked(random: Random): Case[] {
  return [
    {
      name: 'striped over striped',
      disks: [{ sectors: 4096 }, { sectors: 4096 }, { sectors: 4096 }, { sectors: 4096 }],
      devices: [
        { name: 'left', table: ['0 1000 striped 2 10 {a} 1 {b} 3'] },
        { name: 'right', table: ['0 1024 striped 2 8 {c} 0 {d} 0'] },
        { name: 'top', table: ['0 1920 striped 2 16 {left} 5 {right} 64'] },
      ],
      steps: [
        ...STATE,
        { device: 'left', do: 'limits' },
        ...workload(random, { sectors: 1920, steps: 40, longest: 700 }),
        ...workload(random, { sectors: 1000, steps: 6, device: 'left' }),
      ],
    },
    {
      name: 'striped over a device that does not discard',
      disks: [{ sectors: 2048 }, { sectors: 2048 }],
      devices: [
        { name: 'single', table: ['0 1024 unstriped 1 16 0 {b} 0'] },
        { name: 'top', table: ['0 2048 striped 2 16 {a} 0 {single} 0'] },
      ],
      steps: [
        ...STATE,
        { do: 'discard', sector: 0, sectors: 128 },
        { do: 'zeroes', sector: 3, sectors: 200 },
        { do: 'status' },
        ...workload(random, { sectors: 2048, kinds: ['read', 'write', 'zeroes', 'flush'] }),
      ],
    },
    {
      name: 'striped, read-only; it takes no messages',
      disks: [{ sectors: 1024 }, { sectors: 1024 }],
      devices: [{ name: 'top', table: ['0 2048 striped 2 32 {a} 0 {b} 0'], readOnly: true }],
      steps: [
        ...STATE,
        { do: 'read', sector: 5, sectors: 2000 },
        { do: 'write', sector: 0, sectors: 8 },
        { do: 'discard', sector: 0, sectors: 8 },
        { do: 'flush' },
        { do: 'status' },
        { do: 'message', sector: 0, words: 'hello' },
        { do: 'message', sector: 2048, words: 'hello' },
      ],
    },
  ];
}

/**
 * A stripe that has failed is dead in the status. Where events are counted each request meets one failing chunk:
 * how many of several failures at a time make events is a matter of luck in the kernel.
 */
function failing(): Case[] {
  const read = (sector: number, times = 1): Step[] =>
    Array.from({ length: times }, (): Step[] => [
      { do: 'read', sector, sectors: 1 },
      { do: 'read', sector: 0, sectors: 1 },
    ]).flat();
  const disks = [{ sectors: 2048 }, { sectors: 2048 }];
  const devices = [
    { name: 'broken', table: ['0 1024 error {b} 0'] },
    { name: 'top', table: ['0 2048 striped 2 16 {a} 0 {broken} 0'] },
  ];
  return [
    {
      name: 'striped: a stripe fails in a part',
      disks: [{ sectors: 512 }, { sectors: 512 }],
      devices: [
        { name: 'bad', table: ['0 64 linear {a} 0', '64 64 error', '128 128 linear {a} 128'] },
        { name: 'top', table: ['0 512 striped 2 8 {bad} 0 {b} 0'] },
      ],
      steps: [
        ...STATE,
        { do: 'read', sector: 0, sectors: 64 },
        { do: 'status' },
        { do: 'write', sector: 120, sectors: 32 },
        ...FAILURES,
        { do: 'read', sector: 100, sectors: 300 },
        { do: 'status' },
      ],
    },
    {
      name: 'striped: failures make events, but no more than fourteen',
      disks,
      devices,
      steps: [
        ...STATE,
        ...read(16),
        ...FAILURES,
        ...read(0),
        ...FAILURES,
        ...read(20, 11),
        ...FAILURES,
        ...read(48, 2),
        ...FAILURES,
        ...read(80, 5),
        ...FAILURES,
        { do: 'load', table: ['0 2048 striped 2 16 {a} 0 {broken} 0'] },
        { do: 'status' },
        { do: 'resume' },
        ...FAILURES,
        ...read(16),
        ...FAILURES,
      ],
    },
    {
      name: 'striped: what counts as a failure',
      disks,
      devices,
      steps: [
        { do: 'write', sector: 16, sectors: 16 },
        ...FAILURES,
        { do: 'discard', sector: 16, sectors: 16 },
        ...FAILURES,
        { do: 'zeroes', sector: 30, sectors: 2 },
        ...FAILURES,
        { do: 'discard', sector: 0, sectors: 16 },
        { do: 'zeroes', sector: 0, sectors: 16 },
        { do: 'flush' },
        ...FAILURES,
      ],
    },
    {
      name: 'striped: stripes on one device die together',
      disks: [{ sectors: 2048 }],
      devices: [
        { name: 'broken', table: ['0 64 error {a} 0', '64 960 linear {a} 64'] },
        { name: 'top', table: ['0 960 striped 3 16 {broken} 0 {a} 1024 {broken} 512'] },
      ],
      steps: [
        ...STATE,
        { do: 'read', sector: 0, sectors: 16 },
        { do: 'read', sector: 16, sectors: 1 },
        ...STATE,
        { do: 'info' },
      ],
    },
    {
      name: 'striped: flushes that fail',
      disks,
      devices: [
        { name: 'flaky', table: ['0 1024 flakey {b} 0 0 3600 1 error_writes'] },
        { name: 'top', table: ['0 2048 striped 2 16 {a} 0 {flaky} 0'] },
      ],
      steps: [
        // Past the map, so that the target does not meet it.
        { do: 'flush' },
        ...FAILURES,
        { do: 'write', sector: 0, sectors: 8, fua: true },
        ...FAILURES,
        { device: 'flaky', do: 'load', table: ['0 1024 flakey {b} 0 3600 0'] },
        { device: 'flaky', do: 'suspend', flush: false },
        { device: 'flaky', do: 'resume' },
        { do: 'write', sector: 20, sectors: 8, fua: true },
        ...FAILURES,
      ],
    },
  ];
}

function reloaded(random: Random): Case[] {
  return [
    {
      name: 'striped: a live device gets other tables',
      disks: [{ sectors: 2048 }, { sectors: 2048 }, { sectors: 2048 }],
      devices: [{ name: 'top', table: ['0 1024 striped 2 16 {a} 0 {b} 0'] }],
      steps: [
        ...workload(random, { sectors: 1024, steps: 10 }),
        { do: 'load', table: ['0 1020 striped 3 10 {a} 0 {b} 0 {c} 0'] },
        { do: 'limits' },
        { do: 'resume' },
        ...STATE,
        ...workload(random, { sectors: 1020, steps: 20 }),
        { do: 'load', table: ['0 340 linear {b} 0'] },
        { do: 'resume' },
        ...STATE,
        { do: 'read', sector: 0, sectors: 340 },
        { do: 'suspend' },
        { do: 'load', table: ['0 2048 striped 2 1 {c} 7 {a} 9'] },
        { do: 'resume' },
        ...STATE,
        { do: 'write', sector: 1, sectors: 99 },
        { do: 'discard', sector: 100, sectors: 1001 },
      ],
    },
  ];
}

/** Each of its own text, in the order in which Linux looks. */
function refused(): Case {
  const lines = [
    '',
    '2',
    '2 16',
    '0 16 {a} 0',
    'x 16 {a} 0',
    '-1 16 {a} 0',
    '2x 16 {a} 0 {b} 0',
    '0x2 16 {a} 0 {b} 0',
    '4294967296 16 {a} 0 {b} 0',
    '4294967295 16 {a} 0 {b} 0',
    '2 0 {a} 0 {b} 0',
    '2 x {a} 0 {b} 0',
    '2 -8 {a} 0 {b} 0',
    '2 16x {a} 0 {b} 0',
    '2 4294967296 {a} 0 {b} 0',
    '2 2147483649 {a} 0 {b} 0',
    '3 8 {a} 0',
    '2 48 {a} 0',
    '2 16 {a} 0',
    '2 16 {a} 0 {b}',
    '2 16 {a} 0 {b} 0 {c} 0',
    '2 16 {a} 0 {b} 0 {c}',
    '2 16 {a} x {b} 0',
    '2 16 {a} 0 {b} -1',
    '2 16 {a} 0 {b} +1',
    '2 16 {a} 0 {b} 1x',
    '2 16 {a} 0 /dev/nope 0',
    '2 16 /dev/nope 0 {b} 0',
    '2 16 /dev/nope x {b} 0',
    '2 16 240:7 0 {b} 0',
    '2 16 {top} 0 {b} 0',
    '2 16 {a} 9999 {b} 0',
    '2 16 {a} 0 {b} 1537',
    '2 16 {a} 0 {c} 1',
    // These are taken.
    '+2 +16 {a} 0 {b} 0',
    '02 016 {a} 00 {b} 0',
    '1 1024 {a} 0',
    '1 1 {a} 1024',
  ];
  return {
    name: 'striped: refused tables',
    disks: [{ sectors: 2048 }, { sectors: 2048 }, { sectors: 2048, blockSize: 4096 }],
    devices: [{ name: 'top', table: ['0 1024 striped 2 16 {a} 0 {b} 0'] }],
    steps: [
      ...lines.map((args): Step => ({ do: 'load', table: [`0 1024 striped ${args}`.trimEnd()] })),
      { do: 'load', table: ['0 1025 striped 2 16 {a} 0 {b} 0'] },
      { do: 'load', table: ['0 1000 striped 2 10 {c} 0 {a} 0'] },
      { do: 'info' },
      { do: 'table' },
      { do: 'read', sector: 0, sectors: 1024 },
    ],
  };
}
