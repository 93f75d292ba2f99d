import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const look: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];

/**
 * delay: all forms of its arguments, each class on a device of its own or not. How long a request takes is
 * not compared, so that the delays are short; what is held is nothing whenever anybody looks.
 */
export function cases(random: Random): Case[] {
  return [...forms(random), ...stacked(random), ...reloads(random), separated(), ...refused()];
}

function forms(random: Random): Case[] {
  return Array.from({ length: 12 }, (_, i): Case => {
    const classes = 1 + (i % 3);
    const blockSize = i % 4 === 3 ? 4096 : 512;
    const unit = blockSize / 512;
    const sectors = random.between(64, 512) * unit;
    const words = Array.from({ length: classes }, () => {
      const disk = random.pick(['{a}', '{b}', '{c}']);
      const offset = random.between(0, 4096 / unit - sectors / unit) * unit;
      return `${disk} ${offset} ${random.pick([0, 0, 1, 2, 5])}`;
    });
    return {
      name: `delay ${i}: ${classes} classes over ${blockSize}`,
      disks: [{ sectors: 4096, blockSize }, { sectors: 4096, blockSize }, { sectors: 4096 }],
      devices: [{ name: 'top', table: [`0 ${sectors} delay ${words.join(' ')}`] }],
      // A disk of smaller blocks below may be chosen or not: whole pages suit all.
      steps: [...look, ...workload(random, { sectors, unit, steps: 16 }), { do: 'status' }, { do: 'info' }],
    };
  });
}

function stacked(random: Random): Case[] {
  return [
    {
      name: 'delay: several lines',
      disks: [{ sectors: 4096 }, { sectors: 4096 }],
      devices: [
        {
          name: 'top',
          table: [
            '0 100 delay {a} 0 1',
            '100 200 delay {a} 200 0 {b} 300 2',
            '300 57 linear {b} 1000',
            '357 300 delay {b} 2000 1 {a} 2000 0 {b} 0 3',
          ],
        },
      ],
      steps: [...look, ...workload(random, { sectors: 657 }), ...look],
    },
    {
      name: 'delay: over delay and linear',
      disks: [{ sectors: 2048 }, { sectors: 2048, blockSize: 4096 }],
      devices: [
        { name: 'lower', table: ['0 1024 delay {a} 8 1'] },
        { name: 'other', table: ['0 1024 linear {b} 16'] },
        { name: 'top', table: ['0 512 delay {lower} 16 1 {other} 8 0 {lower} 0 1'] },
      ],
      steps: [...look, ...workload(random, { sectors: 512, unit: 8, steps: 12 }), ...look],
    },
    {
      name: 'delay: discard only where every device has it',
      disks: [{ sectors: 2048 }, { sectors: 2048 }],
      devices: [
        { name: 'none', table: ['0 1024 crypt cipher_null-ecb - 0 {b} 0'] },
        { name: 'reads', table: ['0 512 delay {none} 0 0 {a} 0 0'] },
        { name: 'writes', table: ['0 512 delay {a} 0 0 {none} 0 0'] },
        { name: 'flushes', table: ['0 512 delay {a} 0 0 {a} 0 0 {none} 0 0'] },
        { name: 'top', table: ['0 512 delay {a} 0 0 {a} 512 0'] },
      ],
      steps: ['reads', 'writes', 'flushes', 'top'].flatMap((device): Step[] => [
        { device, do: 'limits' },
        { device, do: 'discard', sector: 8, sectors: 16 },
        { device, do: 'read', sector: 0, sectors: 32 },
      ]),
    },
  ];
}

function reloads(random: Random): Case[] {
  return [
    {
      name: 'delay: suspended, replaced, resumed',
      disks: [{ sectors: 2048 }, { sectors: 2048 }],
      devices: [{ name: 'top', table: ['0 512 delay {a} 0 3'] }],
      steps: [
        { do: 'write', sector: 0, sectors: 64 },
        { do: 'suspend' },
        { do: 'info' },
        { do: 'status' },
        { do: 'load', table: ['0 600 delay {b} 0 0 {a} 512 4'] },
        { do: 'table' },
        { do: 'resume' },
        ...look,
        ...workload(random, { sectors: 600, steps: 10 }),
        { do: 'suspend', flush: false },
        { do: 'resume' },
        { do: 'load', table: ['0 600 linear {a} 0'] },
        { do: 'resume' },
        ...workload(random, { sectors: 600, steps: 10 }),
      ],
    },
    {
      name: 'delay: read-only, and messages',
      disks: [{ sectors: 1024 }],
      devices: [{ name: 'top', table: ['0 512 delay {a} 0 1'], readOnly: true }],
      steps: [
        ...look,
        { do: 'read', sector: 0, sectors: 64 },
        { do: 'write', sector: 0, sectors: 8 },
        { do: 'message', sector: 0, words: 'enable' },
        { do: 'info' },
      ],
    },
  ];
}

/** What is written is nowhere to be read: both devices show where it went. */
function separated(): Case {
  return {
    name: 'delay: reads and writes apart',
    disks: [{ sectors: 1024 }, { sectors: 1024 }, { sectors: 1024 }],
    devices: [{ name: 'top', table: ['0 512 delay {a} 1 0 {b} 2 1 {c} 3 1'] }],
    steps: [
      { do: 'write', sector: 0, sectors: 100 },
      { do: 'read', sector: 0, sectors: 100 },
      { do: 'write', sector: 200, sectors: 1, fua: true },
      { do: 'zeroes', sector: 300, sectors: 64 },
      { do: 'discard', sector: 400, sectors: 64 },
      { do: 'flush' },
      { do: 'read', sector: 0, sectors: 512 },
    ],
  };
}

function refused(): Case[] {
  const lines = [
    '',
    '{a}',
    '{a} 0',
    '{a} 0 0 {b}',
    '{a} 0 0 {b} 0',
    '{a} 0 0 {b} 0 0 {a}',
    '{a} 0 0 {b} 0 0 {a} 0 0 0',
    '{a} x 0',
    '{a} -1 0',
    '{a} +1 0',
    '{a} 0x10 0',
    '{a} 8k 0',
    '{a} 0 x',
    '{a} 0 -1',
    '{a} 0 +1',
    '{a} 0 1x',
    '{a} x x',
    '/dev/nope 0 0',
    '/dev/nope x 0',
    '/dev/nope 0 x',
    '{a} 0 0 {b} x 0',
    '{a} 0 0 {b} 0 x',
    '{a} 0 0 /dev/nope 0 0',
    '{a} 0 0 /dev/nope 0 x',
    '{a} 0 0 {b} 0 0 {a} x 0',
    '{a} 0 0 {b} 0 0 {a} 0 x',
    '{a} 0 0 {b} 0 0 /dev/nope 0 0',
    '{a} 0 0 {a} x 0 /dev/nope y z',
    '{a} 513 0',
    '{a} 0 0 {a} 513 0',
    '{a} 0 0 {a} 0 0 {a} 513 0',
    '{b} 1 0',
    '{a} 0 0 {b} 1 0',
    '{a} 0 0 {a} 0 0 {b} 1 0',
    // These are taken.
    '{a} 0 4294967295',
    '{a} 007 010',
  ];
  return [
    {
      name: 'delay: refused tables',
      disks: [{ sectors: 1024 }, { sectors: 1024, blockSize: 4096 }],
      devices: [{ name: 'top', table: ['0 512 delay {a} 0 0'] }],
      steps: [
        ...lines.map((args): Step => ({ do: 'load', table: [`0 512 delay ${args}`.trimEnd()] })),
        { do: 'info' },
        { do: 'table' },
      ],
    },
  ];
}
