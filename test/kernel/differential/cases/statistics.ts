import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const SECTORS = 4096;
const PARTS = ['0 1000 linear {a} 8', '1000 1000 zero', '2000 1000 error', '3000 1096 linear {b} 0'];
const KEY = '00112233445566778899aabbccddeeff';

/** I/O statistics: what `@stats_…` messages take and answer, and what is counted; never how long it took. */
export function cases(random: Random): Case[] {
  return [
    ...Array.from({ length: 8 }, (_, i) => counting(random, i)),
    ...Array.from({ length: 6 }, (_, i) => creating(random, i)),
    splitting(),
    living(),
    refusing(),
    reloading(random),
  ];
}

const message = (...words: string[]): Step => ({ do: 'message', sector: 0, words: words.join(' ') });

/** Regions of all kinds over a table of several targets, and requests at random places. */
function counting(random: Random, number: number): Case {
  const regions = Array.from({ length: random.between(1, 3) }, () => region(random));
  const steps: Step[] = [];
  for (let round = 0; round < 4; round++) {
    // Discards are cut at multiples of the granularity in the kernel before they come to the device.
    const kinds = ['read', 'read', 'write', 'write', 'flush', 'zeroes'] as const;
    steps.push(...workload(random, { sectors: SECTORS, steps: 8, kinds }));
    steps.push(...workload(random, { sectors: SECTORS, steps: 2, unit: 8, kinds: ['discard'] }));
    steps.push(...sequence(random));
    const id = random.below(regions.length);
    steps.push(
      message(random.pick(['@stats_print', '@stats_print_clear']), `${id}`),
      message('@stats_print_clear', `${id}`, `${random.below(6)}`, `${random.below(4)}`),
      message('@stats_print', `${id}`),
      ...(random.chance(40) ? [message('@stats_clear', `${id}`)] : []),
    );
  }
  return {
    name: `statistics ${number}: requests over several targets`,
    disks: [{ sectors: 2048 }, { sectors: 2048 }],
    devices: [{ name: 'top', table: PARTS }],
    steps: [
      ...regions.map((words) => message('@stats_create', ...words)),
      message('@stats_list'),
      ...steps,
      ...regions.map((_, id) => message('@stats_print', `${id}`)),
    ],
  };
}

/** Requests that follow on each other, forwards, in one direction or changing it. */
function sequence(random: Random): Step[] {
  let sector = random.below(900);
  return Array.from({ length: 5 }, (): Step => {
    const sectors = random.between(1, 9);
    const step = { do: random.chance(75) ? 'read' : 'write', sector, sectors } as const;
    sector += random.chance(80) ? sectors : sectors + 1;
    return step;
  });
}

/** The words behind `@stats_create`: a range that reaches over the end at times, few enough areas to read. */
function region(random: Random): string[] {
  const start = random.below(SECTORS);
  const length = random.between(1, random.chance(50) ? 40 : SECTORS + 500);
  const range = random.chance(25) ? '-' : `${start}+${length}`;
  const areas = random.between(1, 9);
  const step = range === '-' || random.chance(50) ? `/${areas}` : `${Math.ceil(length / areas)}`;
  const options = [
    ...(random.chance(40) ? ['precise_timestamps'] : []),
    // No request takes that long, in either unit.
    ...(random.chance(40) ? ['histogram:1000000000000,2000000000000'] : []),
  ];
  return [range, step, ...(options.length > 0 ? [`${options.length}`, ...options] : [])];
}

/** Arguments of `@stats_create`, good ones and such as are nearly good. */
function creating(random: Random, number: number): Case {
  const ranges = [
    '-',
    '0+8',
    '10+100',
    '8192+8',
    '0+0',
    '7',
    '+7',
    '7+',
    '0+8x',
    '00+08',
    '\\ 1+2',
    '1+\\ 2',
    '-1+2',
  ];
  const steps = [
    '1',
    '3',
    '100',
    '/1',
    '/3',
    '/200',
    '0',
    '/0',
    'x',
    '//2',
    '4294967299',
    '/4294967299',
    '+1',
  ];
  const options = [
    '0',
    '1 precise_timestamps',
    '2 precise_timestamps histogram:5,6',
    '1 histogram:1',
    '1 histogram:',
  ];
  const odd = [
    '1 histogram:0',
    '1 histogram:6,5',
    '2 precise_timestamps',
    '1 what',
    '1 Histogram:7',
    '-1',
    '1x',
  ];
  const tails = ['', 'prog', 'prog aux', 'prog aux more', 'a\\ b c\\ d'];
  const creations = Array.from({ length: 24 }, () => {
    const middle = random.chance(50) ? [] : [random.pick(random.chance(60) ? options : odd)];
    return message('@stats_create', random.pick(ranges), random.pick(steps), ...middle, random.pick(tails));
  });
  return {
    name: `statistics: arguments of regions ${number}`,
    disks: [],
    devices: [{ name: 'top', table: ['0 4099 zero'] }],
    steps: [
      ...creations,
      message('@stats_list'),
      message('@stats_list', 'prog'),
      message('@stats_list', '-'),
    ],
  };
}

/**
 * What a target takes in pieces is counted in pieces. No write goes from the crypt target on to the next: it would
 * begin there first, since encryption takes its time, and so which part is merged is chance.
 */
function splitting(): Case {
  return {
    name: 'statistics: crypt with requests that end at its boundaries',
    disks: [{ sectors: 2048 }],
    devices: [
      { name: 'low', table: ['0 1000 linear {a} 0', '1000 1000 linear {a} 1000'] },
      {
        name: 'top',
        table: ['0 500 zero', `500 1000 crypt aes-cbc-plain64 ${KEY} 0 {low} 500`, '1500 500 linear {low} 0'],
      },
    ],
    steps: [
      message('@stats_create', '-', '/8'),
      { ...message('@stats_create', '-', '/8'), device: 'low' },
      { do: 'write', sector: 490, sectors: 20 },
      { do: 'read', sector: 490, sectors: 20 },
      { do: 'write', sector: 1480, sectors: 20, fua: true },
      { do: 'read', sector: 980, sectors: 40 },
      { do: 'read', sector: 0, sectors: 256 },
      { do: 'flush' },
      message('@stats_print', '0'),
      { ...message('@stats_print', '0'), device: 'low' },
    ],
  };
}

/** Ids, auxiliary data, deletion. */
function living(): Case {
  return {
    name: 'statistics: regions come and go',
    disks: [{ sectors: 2048 }],
    devices: [{ name: 'top', table: ['0 2048 linear {a} 0'] }],
    steps: [
      message('@stats_list'),
      message('@stats_create', '-', '/2'),
      message('@stats_create', '0+10', '5', 'p'),
      message('@STATS_Create', '10+10', '5', 'p', 'a'),
      { do: 'read', sector: 0, sectors: 16 },
      message('@stats_delete', '1'),
      { do: 'read', sector: 16, sectors: 8 },
      message('@stats_create', '0+20', '5'),
      message('@stats_create', '0+20', '5'),
      { do: 'read', sector: 16, sectors: 4 },
      message('@stats_set_aux', '2', 'b\\ c'),
      message('@stats_set_aux', '1', '-'),
      message('@stats_list'),
      message('@stats_list', 'p'),
      ...['0', '1', '2', '3'].map((id) => message('@stats_print', id)),
      { do: 'suspend' },
      message('@stats_create', '-', '3000'),
      message('@stats_print', '4'),
      message('@stats_delete', '0'),
      { do: 'resume' },
      message('@stats_list'),
      ...['0', '1', '2', '3', '4'].map((id) => message('@stats_delete', id)),
      { do: 'read', sector: 0, sectors: 8 },
      message('@stats_create', '-', '/1'),
      { do: 'read', sector: 8, sectors: 8 },
      message('@stats_print', '0'),
    ],
  };
}

function refusing(): Case {
  const ids = [
    '',
    '0',
    '1',
    'x',
    '-1',
    '+0',
    '0x0',
    '\\ 0',
    '4294967296',
    '2147483648',
    '2147483647',
    '0 0 0',
  ];
  const windows = [
    '0 1',
    '0 1 2',
    '0 - 2',
    '0 2 -',
    '0 x 2',
    '0 1 x',
    '0 -1 2',
    '0 3 9',
    '0 1 18446744073709551615',
  ];
  const words = ['@stats_delete', '@stats_clear', '@stats_print', '@stats_print_clear', '@stats_set_aux'];
  return {
    name: 'statistics: refused messages',
    disks: [],
    devices: [{ name: 'top', table: ['0 100 zero'] }],
    steps: [
      ...words.flatMap((word) => [
        message('@stats_create', '-', '25'),
        ...ids.map((id) => message(word, id)),
        ...(word.startsWith('@stats_print') ? windows.map((window) => message(word, window)) : []),
        message('@stats_delete', '0'),
      ]),
      message('@stats_create', '-', '25'),
      message('@stats_set_aux', '0', 'a', 'b'),
      message('@stats_set_aux', '9', 'a'),
      message('@stats_set_aux', 'x', 'a'),
      message('@stats_list', 'a', 'b'),
      message('@stats_create', '0+8388609', '1'),
      message('@stats_create', '0+18446744073709551615', '1'),
      message('@stats'),
      message('@stats_'),
      message('@'),
      message('@stats_list'),
    ],
  };
}

function reloading(random: Random): Case {
  return {
    name: 'statistics: regions survive tables',
    disks: [{ sectors: 2048 }],
    devices: [
      { name: 'empty', table: [] },
      { name: 'top', table: ['0 512 linear {a} 0'] },
    ],
    steps: [
      { ...message('@stats_create', '-', '/3'), device: 'empty' },
      { ...message('@stats_list'), device: 'empty' },
      message('@stats_create', '-', '/4'),
      ...workload(random, { sectors: 512, steps: 6, kinds: ['read', 'write'] }),
      { do: 'load', table: ['0 1024 linear {a} 512'] },
      message('@stats_create', '-', '/4'),
      { do: 'resume' },
      message('@stats_create', '-', '/4'),
      ...workload(random, { sectors: 1024, steps: 6, kinds: ['read', 'write'] }),
      message('@stats_list'),
      ...['0', '1', '2'].map((id) => message('@stats_print', id)),
    ],
  };
}
