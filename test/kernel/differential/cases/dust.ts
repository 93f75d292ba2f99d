import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const look: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];
const message = (words: string, sector = 0): Step => ({ do: 'message', sector, words });
const list = message('listbadblocks');
/**
 * Discards from a multiple of their granularity on. Linux cuts others there before the target sees them, which
 * then looks at the block in which each part begins.
 */
const whole = (steps: Step[]): Step[] =>
  steps.map((step) => (step.do === 'discard' ? { ...step, sector: step.sector - (step.sector % 8) } : step));
const end = [list, message('countbadblocks'), { do: 'status' } as const];

/** dust: bad blocks under all kinds of requests, and every message. */
export function cases(random: Random): Case[] {
  return [
    ...blockByBlock(random),
    ...mending(random),
    ...misaligned(random),
    ...mixed(random),
    talking(),
    ...refused(),
  ];
}

/** Some of the first `count` blocks as bad ones, with numbers of writes that fail. */
function bad(random: Random, first: number, count: number, mostFailures: number): Step[] {
  const blocks = random.shuffle(Array.from({ length: count }, (_, index) => first + index));
  return blocks.slice(0, Math.ceil(count / 2)).map((block) => {
    const failures = random.between(0, mostFailures);
    return message(`addbadblock ${block}${failures === 0 ? '' : ` ${failures}`}`);
  });
}

/** Requests of one block each. */
function blockByBlock(random: Random): Case[] {
  return [512, 1024, 4096, 16384, 65536].flatMap((size, i): Case[] =>
    [0, 1].map((round): Case => {
      const unit = size / 512;
      const offset = round === 0 ? 0 : random.between(1, 512 / unit) * unit;
      const blocks = Math.min(64, 2048 / unit);
      return {
        name: `dust ${i}.${round}: blocks of ${size} from ${offset}`,
        disks: [{ sectors: 4096 }],
        devices: [{ name: 'top', table: [`0 ${blocks * unit} dust {a} ${offset} ${size}`] }],
        steps: [
          ...look,
          ...bad(random, offset / unit, blocks, 2),
          list,
          ...workload(random, { sectors: blocks * unit, unit, longest: unit, steps: 8 }),
          list,
          message('enable'),
          { do: 'status' },
          ...workload(random, { sectors: blocks * unit, unit, longest: unit, steps: 40 }),
          ...end,
        ],
      };
    }),
  );
}

/** Requests of any length, parts of which fail. */
function mending(random: Random): Case[] {
  return [512, 4096, 4096, 32768].map((size, i): Case => {
    const unit = size / 512;
    const sectors = random.between(1024, 2048);
    const blocks = Math.ceil(sectors / unit);
    return {
      name: `dust mended ${i}: blocks of ${size}`,
      disks: [{ sectors: 4096 }],
      devices: [{ name: 'top', table: [`0 ${sectors} dust {a} ${128 * 8} ${size}`] }],
      steps: [
        message('enable'),
        ...bad(random, (128 * 8) / unit, Math.min(blocks, 80), 2 * (i % 2)),
        list,
        ...whole(workload(random, { sectors, longest: 100, steps: 30 })).flatMap((step) => [step, list]),
        ...end,
      ],
    };
  });
}

/** Bad blocks are counted on the disk, requests are split by blocks of the target. */
function misaligned(random: Random): Case[] {
  return [3, 7, 12].map((offset): Case => {
    return {
      name: `dust from ${offset}, with blocks of 8`,
      disks: [{ sectors: 4096 }],
      devices: [{ name: 'top', table: [`0 1024 dust {a} ${offset} 4096`] }],
      steps: [
        ...look,
        message('enable'),
        ...bad(random, 0, 40, 1),
        list,
        ...Array.from({ length: 24 }, (_, sector): Step => ({ do: 'read', sector, sectors: 1 })),
        ...whole(workload(random, { sectors: 320, longest: 24, steps: 30 })).flatMap((step) => [step, list]),
        ...end,
      ],
    };
  });
}

function mixed(random: Random): Case[] {
  return [
    {
      name: 'dust: beside others, each with its own bad blocks',
      disks: [{ sectors: 4096 }, { sectors: 4096, blockSize: 4096 }],
      devices: [
        {
          name: 'top',
          table: ['0 256 dust {a} 0 4096', '256 256 linear {a} 512', '512 256 dust {b} 8 8192'],
        },
      ],
      steps: [
        ...look,
        message('addbadblock 3', 0),
        message('addbadblock 4', 512),
        message('addbadblock 4', 256),
        message('addbadblock 4', 768),
        message('enable', 0),
        message('enable', 512),
        message('listbadblocks', 255),
        message('listbadblocks', 767),
        { do: 'status' },
        ...workload(random, { sectors: 768, unit: 8, steps: 24 }),
        message('listbadblocks', 0),
        message('listbadblocks', 512),
      ],
    },
    {
      name: 'dust: over linear and under it',
      disks: [{ sectors: 4096 }],
      devices: [
        { name: 'lower', table: ['0 2048 linear {a} 64'] },
        { name: 'dusty', table: ['0 1024 dust {lower} 16 1024'] },
        { name: 'top', table: ['0 512 linear {dusty} 6'] },
      ],
      steps: [
        { device: 'dusty', ...message('addbadblock 12') },
        { device: 'dusty', ...message('addbadblock 1024') },
        { device: 'dusty', ...message('addbadblock 1025') },
        { device: 'dusty', ...message('enable') },
        { do: 'read', sector: 0, sectors: 2 },
        { do: 'read', sector: 2, sectors: 2 },
        { do: 'read', sector: 4, sectors: 2 },
        ...whole(workload(random, { sectors: 512, steps: 16 })),
        { device: 'dusty', ...list },
        { device: 'dusty', do: 'status' },
      ],
    },
    {
      name: 'dust: flushes are writes to the first block',
      disks: [{ sectors: 2048 }],
      devices: [{ name: 'top', table: ['0 1024 dust {a} 16 4096'] }],
      steps: [
        message('addbadblock 0 2'),
        message('addbadblock 2 2'),
        message('enable'),
        ...Array.from({ length: 4 }, (): Step[] => [{ do: 'flush' }, list]).flat(),
        ...end,
      ],
    },
    {
      name: 'dust: a new table forgets',
      disks: [{ sectors: 2048 }],
      devices: [{ name: 'top', table: ['0 1024 dust {a} 0 512'] }],
      steps: [
        message('addbadblock 7 3'),
        message('enable'),
        message('quiet'),
        { do: 'suspend' },
        list,
        { do: 'status' },
        { do: 'resume' },
        list,
        { do: 'read', sector: 7, sectors: 1 },
        { do: 'load', table: ['0 1024 dust {a} 8 1024'] },
        { do: 'status' },
        { do: 'resume' },
        list,
        { do: 'status' },
        { do: 'read', sector: 0, sectors: 64 },
      ],
    },
    {
      name: 'dust: read-only',
      disks: [{ sectors: 2048 }],
      devices: [{ name: 'top', table: ['0 1024 dust {a} 0 512'], readOnly: true }],
      steps: [
        message('addbadblock 5'),
        message('enable'),
        { do: 'read', sector: 0, sectors: 5 },
        { do: 'read', sector: 0, sectors: 6 },
        { do: 'write', sector: 5, sectors: 1 },
        ...end,
        { do: 'info' },
      ],
    },
  ];
}

function talking(): Case {
  const all = [
    'listbadblocks',
    'countbadblocks',
    'clearbadblocks',
    'AddBadBlock 129',
    'addbadblock 3 255',
    'addbadblock 010 0',
    'addbadblock 256',
    'addbadblock 257',
    'addbadblock 257 1',
    'addbadblock 3',
    'addbadblock 3 1',
    'addbadblock 4 256',
    'addbadblock 257 256',
    'addbadblock',
    'addbadblock x',
    'addbadblock -1',
    'addbadblock +1',
    'addbadblock 0x1',
    'addbadblock 1x',
    'addbadblock 1 x',
    'addbadblock x 1',
    'addbadblock 1 1 1',
    'listbadblocks',
    'countbadblocks',
    'QUERYBLOCK 3',
    'queryblock 4',
    'queryblock 256',
    'queryblock 257',
    'queryblock',
    'queryblock x',
    'queryblock 3 3',
    'removebadblock',
    'removebadblock x',
    'removebadblock 4',
    'removebadblock 257',
    'removebadblock 3 3',
    'removebadblock 3',
    'listbadblocks 1',
    'countbadblocks 1',
    'clearbadblocks 1',
    'enable 1',
    'disable 1',
    'quiet 1',
    'bogus',
    'bogus 1',
    'bogus x',
    'bogus 1 2',
    'bogus 1 2 3',
    'listbadblocks',
    'ClearBadBlocks',
    'clearbadblocks',
    'listbadblocks',
  ].map((words) => message(words));
  const modes = ['enable', 'Enable', 'quiet', 'disable', 'DISABLE', 'quiet'].flatMap((words): Step[] => [
    message(words),
    { do: 'status' },
  ]);
  return {
    name: 'dust: every message',
    disks: [{ sectors: 2048 }],
    devices: [{ name: 'top', table: ['0 1028 dust {a} 16 4096'] }],
    steps: [...all, ...modes, message('enable', 1027), message('enable', 1028), { do: 'info' }],
  };
}

function refused(): Case[] {
  const lines = [
    '',
    '{a}',
    '{a} 0',
    '{a} 0 512 1',
    '{a} x 512',
    '{a} -1 512',
    '{a} 0 x',
    '{a} 0 0',
    '{a} 0 -1',
    '{a} 0 0x200',
    '{a} 0 4294967296',
    '{a} 0 4294967295',
    '{a} 0 511',
    '{a} 0 513',
    '{a} 0 768',
    '{a} 0 1048576',
    '{a} x x',
    '{a} x 100',
    '{a} x 1048576',
    '/dev/nope 0 512',
    '/dev/nope x 512',
    '/dev/nope 0 x',
    '{a} 1025 512',
    '{b} 7 4096',
    // These are taken.
    '{a} 0 524288',
    '{a} 0 +1024',
    '{a} 007 0512',
  ];
  return [
    {
      name: 'dust: refused tables',
      disks: [{ sectors: 2048 }, { sectors: 2048, blockSize: 4096 }],
      devices: [{ name: 'top', table: ['0 1024 dust {a} 0 512'] }],
      steps: [
        ...lines.map((args): Step => ({ do: 'load', table: [`0 1024 dust ${args}`.trimEnd()] })),
        { do: 'info' },
        { do: 'table' },
      ],
    },
  ];
}
