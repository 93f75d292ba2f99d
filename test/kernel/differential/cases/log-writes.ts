import type { Case, Disk, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const look: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];
const message = (words: string, sector = 0): Step => ({ do: 'message', sector, words });
const flush: Step = { do: 'flush' };
/** A synchronous write; a flush follows it. */
const sync = (sector: number, sectors: number): Step => ({ do: 'write', sector, sectors, fua: true });
const write = (sector: number, sectors: number): Step => ({ do: 'write', sector, sectors });
const zeroes = (sector: number, sectors: number): Step => ({ do: 'zeroes', sector, sectors });
const discard = (sector: number, sectors: number): Step => ({ do: 'discard', sector, sectors });
/**
 * Linux writes its log when it has the time. Until these have been answered it has had that, so that a status
 * tells of everything.
 */
const meanwhile: readonly Step[] = Array.from({ length: 6 }, (_, index) => ({
  do: 'read',
  sector: index * 8,
  sectors: 8,
}));
const status: readonly Step[] = [...meanwhile, { do: 'status' }];
/** Linux cuts discards at multiples of their granularity before the target logs them. */
const whole = (steps: Step[]): Step[] =>
  steps.map((step) =>
    step.do === 'discard'
      ? { ...step, sector: step.sector - (step.sector % 8), sectors: Math.max(8, step.sectors) }
      : step,
  );
const DATA: Disk = { sectors: 4096 };
const LOG: Disk = { sectors: 8192 };

/** log-writes: what is written into the log, byte for byte, and when; logs that end early; what is refused. */
export function cases(random: Random): Case[] {
  return [
    ...workloads(random),
    ...placed(random),
    ...ordered(),
    ...ending(random),
    ...failing(random),
    ...stacked(random),
    ...exchanged(),
    talking(),
    refused(),
  ];
}

/** Requests of all kinds to a device and log of each block size. */
function workloads(random: Random): Case[] {
  const sizes = [
    [512, 512],
    [512, 512],
    [4096, 4096],
    [4096, 512],
    [512, 4096],
  ] as const;
  return sizes.map(([data, log], i): Case => {
    const unit = data / 512;
    const sectors = unit * random.between(64, 4096 / unit);
    return {
      name: `log-writes ${i}: blocks of ${data}, logged to blocks of ${log}`,
      disks: [
        { ...DATA, blockSize: data },
        { ...LOG, blockSize: log },
      ],
      devices: [{ name: 'top', table: [`0 ${sectors} log-writes {a} {b}`] }],
      steps: [
        ...look,
        ...whole(workload(random, { sectors, unit, longest: 64, steps: 40 })).flatMap((step, index) =>
          index % 8 === 7 ? [step, message(`mark step-${index}`), ...status] : [step],
        ),
        ...status,
      ],
    };
  });
}

/** Not at the beginning of their table, and several in one. */
function placed(random: Random): Case[] {
  return [
    {
      name: 'log-writes: behind another target, whose sectors count',
      disks: [DATA, { sectors: 1024 }, LOG],
      devices: [{ name: 'top', table: ['0 72 linear {b} 0', '72 512 log-writes {a} {c}', '584 64 zero'] }],
      steps: [
        ...look,
        ...[write(64, 16), sync(70, 4), write(580, 10), zeroes(100, 40), discard(128, 64)],
        ...[message('mark in', 72), message('mark out', 583), message('mark beyond', 584)],
        ...whole(workload(random, { sectors: 648, longest: 40 })),
        ...status,
      ],
    },
    {
      name: 'log-writes: two with a log each',
      disks: [DATA, DATA, LOG, LOG],
      devices: [{ name: 'top', table: ['0 512 log-writes {a} {c}', '512 512 log-writes {b} {d}'] }],
      steps: [
        ...look,
        ...whole(workload(random, { sectors: 1024, longest: 100 })),
        ...[message('mark first', 0), message('mark second', 512), write(500, 24), flush],
        ...status,
      ],
    },
  ];
}

/** What is parked, what goes past it, and what a flush takes along. */
function ordered(): Case[] {
  const over = { disks: [DATA, LOG], devices: [{ name: 'top', table: ['0 2048 log-writes {a} {b}'] }] };
  return [
    {
      name: 'log-writes: a mark goes past what no flush has covered',
      ...over,
      steps: [write(0, 8), discard(16, 16), write(1, 1), message('mark early'), ...status, flush, ...status],
    },
    {
      name: 'log-writes: a synchronous write goes past it, too',
      ...over,
      steps: [write(0, 8), write(64, 1), sync(8, 3), write(3, 5), ...status, flush, flush, ...status],
    },
    {
      name: 'log-writes: a synchronous write goes past what it replaces',
      ...over,
      steps: [write(0, 8), sync(2, 3), ...status, write(2, 3), { do: 'suspend', flush: false }],
    },
    {
      name: 'log-writes: what no flush has covered comes last',
      ...over,
      steps: [flush, write(0, 8), write(8, 8), zeroes(0, 1), { do: 'suspend', flush: false }, ...status],
    },
    {
      name: 'log-writes: zeroes are data, 2048 sectors an entry',
      disks: [{ sectors: 8192 }, { sectors: 8192 }],
      devices: [{ name: 'top', table: ['0 8192 log-writes {a} {b}'] }],
      steps: [zeroes(7, 2048), flush, ...status, zeroes(100, 5000), flush, ...status],
    },
    {
      name: 'log-writes: suspended, it takes marks',
      ...over,
      steps: [
        ...[write(0, 8), { do: 'suspend' } as const, message('mark suspended'), write(8, 8)],
        ...[{ do: 'status' } as const, { do: 'resume' } as const, write(16, 8), ...status],
      ],
    },
  ];
}

/** Logs that are too small, and devices for them that are. */
function ending(random: Random): Case[] {
  const small = [1, 2, 3, 40, 41].map((sectors): Case => {
    return {
      name: `log-writes: a log of ${sectors} sectors`,
      disks: [DATA, { sectors }],
      devices: [{ name: 'top', table: ['0 1024 log-writes {a} {b}'] }],
      steps: [
        { do: 'status' },
        ...[message('mark one'), ...status],
        ...Array.from({ length: 4 }, (_, index) => [write(index, index + 1), flush, ...status]).flat(),
        ...[sync(100, 10), ...status, sync(0, 9), ...status, message('mark two'), ...status],
        ...whole(workload(random, { sectors: 1024, steps: 12 })),
        ...status,
      ],
    };
  });
  const exact = [18, 19].map((sectors): Case => {
    return {
      name: `log-writes: ${sectors - 1} sectors for a log of 20`,
      disks: [DATA, { sectors: 20 }],
      devices: [{ name: 'top', table: ['0 1024 log-writes {a} {b}'] }],
      steps: [write(0, sectors - 2), flush, ...status, message('mark m'), ...status],
    };
  });
  return [...small, ...exact];
}

/** Requests that fail below, and a log that does. */
function failing(random: Random): Case[] {
  return [
    {
      name: 'log-writes: what failed is logged',
      disks: [DATA, LOG],
      devices: [
        { name: 'below', table: ['0 128 linear {a} 0', '128 128 error', '256 128 linear {a} 128'] },
        { name: 'top', table: ['0 384 log-writes {below} {b}'] },
      ],
      steps: [
        ...look,
        ...[write(0, 4), write(128, 8), sync(200, 3), write(120, 16), discard(136, 8), discard(120, 8)],
        ...[zeroes(130, 3), write(260, 3), flush, ...status, message('mark m')],
      ],
    },
    {
      name: 'log-writes: failed flushes are logged, with what was to be flushed',
      disks: [DATA, LOG],
      devices: [
        { name: 'below', table: ['0 512 flakey {a} 0 0 3600 1 error_writes'] },
        { name: 'top', table: ['0 512 log-writes {below} {b}'] },
      ],
      steps: [
        ...[write(0, 4), flush, sync(8, 1), write(9, 2), message('mark m'), ...status],
        ...[{ do: 'suspend', flush: false } as const, ...status],
      ],
    },
    {
      name: 'log-writes: a log that cannot be written from some entry on',
      disks: [DATA, LOG],
      devices: [
        { name: 'log', table: ['0 10 linear {b} 0', '10 500 error'] },
        { name: 'top', table: ['0 512 log-writes {a} {log}'] },
      ],
      steps: [
        ...Array.from({ length: 6 }, (_, index) => [write(index, 1), flush, ...status]).flat(),
        ...[message('mark m'), sync(0, 8), ...status],
        ...whole(workload(random, { sectors: 512, steps: 10 })),
        ...status,
      ],
    },
    {
      name: 'log-writes: a log that cannot be written at all',
      disks: [DATA],
      devices: [
        { name: 'log', table: ['0 512 error'] },
        { name: 'top', table: ['0 512 log-writes {a} {log}'] },
      ],
      steps: [...look, write(0, 8), ...status, sync(0, 8), ...status, message('mark m'), ...status],
    },
  ];
}

/** Over devices with limits and abilities of their own. */
function stacked(random: Random): Case[] {
  const key = '5a'.repeat(32);
  return [
    {
      name: 'log-writes: over a device without discard',
      disks: [DATA, LOG],
      devices: [
        { name: 'below', table: [`0 1024 crypt aes-cbc-plain64 ${key} 0 {a} 0`] },
        { name: 'top', table: ['0 1024 log-writes {below} {b}'] },
      ],
      steps: [...look, write(0, 8), discard(0, 8), discard(3, 9), flush, ...status],
    },
    {
      name: 'log-writes: over a device without discard, with a full log',
      disks: [DATA, { sectors: 8 }],
      devices: [
        { name: 'below', table: [`0 1024 crypt aes-cbc-plain64 ${key} 0 {a} 0`] },
        { name: 'top', table: ['0 1024 log-writes {below} {b}'] },
      ],
      steps: [discard(0, 8), write(0, 8), flush, ...status, discard(0, 8), { do: 'limits' }],
    },
    {
      name: 'log-writes: both over crypt',
      disks: [DATA, LOG],
      devices: [
        { name: 'below', table: [`0 1024 crypt aes-xts-plain64 ${key} 0 {a} 0 1 allow_discards`] },
        { name: 'log', table: [`0 8192 crypt aes-xts-plain64 ${key} 0 {b} 0`] },
        { name: 'top', table: ['0 1024 log-writes {below} {log}'] },
      ],
      steps: [...look, ...whole(workload(random, { sectors: 1024, longest: 64, steps: 40 })), ...status],
    },
    {
      name: 'log-writes: of a log-writes device',
      disks: [DATA, LOG, LOG],
      devices: [
        { name: 'below', table: ['0 1024 log-writes {a} {b}'] },
        { name: 'top', table: ['0 1024 log-writes {below} {c}'] },
      ],
      steps: [
        ...look,
        ...whole(workload(random, { sectors: 1024, longest: 64, steps: 20 })),
        { device: 'below', ...message('mark lower') },
        ...status,
        { device: 'below', do: 'status' },
      ],
    },
    {
      name: 'log-writes: a device is its own log',
      disks: [DATA],
      devices: [{ name: 'top', table: ['0 1024 log-writes {a} {a}'] }],
      steps: [write(512, 8), flush, ...status, message('mark m'), { do: 'read', sector: 0, sectors: 64 }],
    },
  ];
}

/** Each table begins its log anew; the table it replaces ends its own. */
function exchanged(): Case[] {
  return [
    {
      name: 'log-writes: a new table with the same log',
      disks: [DATA, LOG],
      devices: [{ name: 'top', table: ['0 1024 log-writes {a} {b}'] }],
      steps: [
        ...[write(0, 8), flush, write(8, 8), ...status],
        { do: 'load', table: ['0 1024 log-writes {a} {b}'] },
        ...[{ do: 'status' } as const, { do: 'resume' } as const, ...status],
        ...[write(3, 3), sync(9, 1), ...status, message('mark new'), ...status],
        { do: 'load', table: ['0 1024 log-writes {a} {b}'] },
        ...[{ do: 'clear' } as const, ...status, write(16, 1), ...status],
      ],
    },
    {
      name: 'log-writes: from one log to another, and to none',
      disks: [DATA, LOG, LOG],
      devices: [{ name: 'top', table: ['0 1024 log-writes {a} {b}'] }],
      steps: [
        ...[write(0, 8), flush, message('mark in-the-first')],
        { do: 'load', table: ['0 512 log-writes {a} {c}'] },
        ...[{ do: 'resume' } as const, write(100, 2), ...status],
        { do: 'load', table: ['0 1024 linear {a} 0'] },
        ...[{ do: 'resume' } as const, write(64, 2), { do: 'info' } as const],
      ],
    },
    {
      name: 'log-writes: a table that is refused after it was made leaves an end mark',
      disks: [DATA, LOG, LOG],
      devices: [{ name: 'top', table: ['0 1024 log-writes {a} {b}'] }],
      steps: [
        { do: 'load', table: ['0 1024 log-writes {a} {c}', '1024 8 nosuch'] },
        ...[write(0, 8), ...status],
      ],
    },
  ];
}

function talking(): Case {
  return {
    name: 'log-writes: every message',
    disks: [DATA, LOG],
    devices: [{ name: 'top', table: ['0 1024 log-writes {a} {b}'] }],
    steps: [
      ...[message('mark hello'), message('MARK Hello'), message('Mark \\ with\\ blanks'), ...status],
      ...[message(`mark ${'x'.repeat(479)}`), message(`mark ${'y'.repeat(480)}`)],
      ...[message(`mark ${'z'.repeat(2000)}`), message('mark grüße'), message(`mark ${'é'.repeat(240)}`)],
      ...['mark', 'mark a b', 'foo', 'foo bar', 'marks x', 'mark a', ''].map((words) => message(words)),
      ...[message('mark last', 1023), message('mark outside', 1024), ...status],
    ],
  };
}

function refused(): Case {
  const lines = [
    '',
    '{a}',
    '/dev/nope',
    '/dev/nope {b}',
    '{a} /dev/nope',
    '/dev/nope /dev/nope',
    '{a} {top}',
    '{top} {b}',
    // These are taken.
    '{a} {b} more',
    '{a} {b} 1 2 3',
  ];
  return {
    name: 'log-writes: refused tables',
    disks: [{ sectors: 2048 }, LOG, { sectors: 2048, blockSize: 4096 }],
    // Linux looks at sizes when a device gets its first table, and not for later ones.
    devices: [{ name: 'top', table: [] }],
    steps: [
      { do: 'load', table: ['0 2049 log-writes {a} {b}'] },
      { do: 'load', table: ['0 1023 log-writes {c} {b}'] },
      ...lines.map((args): Step => ({ do: 'load', table: [`0 1024 log-writes ${args}`.trimEnd()] })),
      { do: 'load', table: ['0 0 log-writes {a} {b}'] },
      { do: 'load', table: ['8 8 log-writes {a} {b}'] },
      ...[{ do: 'info' } as const, { do: 'table' } as const],
    ],
  };
}
