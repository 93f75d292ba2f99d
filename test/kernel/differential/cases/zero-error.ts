import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

/** zero and error: alone, beside each other, and between lines that keep data, which must come to no harm. */
export function cases(random: Random): Case[] {
  const all: Case[] = [
    {
      name: 'zero alone',
      disks: [],
      devices: [{ name: 'top', table: ['0 4096 zero'] }],
      steps: [...look, ...workload(random, { sectors: 4096 }), { do: 'message', sector: 0, words: 'x' }],
    },
    {
      name: 'error alone',
      disks: [],
      devices: [{ name: 'top', table: ['0 4096 error'] }],
      steps: [...look, ...workload(random, { sectors: 4096 }), { do: 'message', sector: 0, words: 'x' }],
    },
    {
      name: 'error with a device below',
      disks: [{ sectors: 4096, blockSize: 4096 }, { sectors: 4096 }],
      devices: [{ name: 'top', table: ['0 1024 error {a} 8', '1024 1024 error {b} 7'] }],
      steps: [...look, ...workload(random, { sectors: 2048, unit: 8 })],
    },
    {
      name: 'zero and error: refused tables',
      disks: [{ sectors: 1024 }, { sectors: 1024, blockSize: 4096 }],
      devices: [{ name: 'top', table: [] }],
      steps: [
        '0 8 zero x',
        '0 8 zero {a} 0',
        '0 8 error {a} x',
        '0 8 error /dev/nope 0',
        '0 2048 error {a} 0',
        '0 8 error {b} 4',
        '0 12 error {b} 0',
      ].map((line): Step => ({ do: 'load', table: [line] })),
    },
    {
      name: 'error with other numbers of arguments',
      disks: [{ sectors: 1024 }],
      devices: [{ name: 'top', table: ['0 8 error {a}'] }],
      steps: [...look, { do: 'load', table: ['0 8 error {a} 0 0'] }, { do: 'resume' }, ...look],
    },
    {
      name: 'error in the place of a table, and back',
      disks: [{ sectors: 1024 }],
      devices: [{ name: 'top', table: ['0 1024 linear {a} 0'] }],
      steps: [
        { do: 'write', sector: 0, sectors: 8 },
        { do: 'load', table: ['0 1024 error'] },
        { do: 'resume' },
        ...look,
        { do: 'read', sector: 0, sectors: 8 },
        { do: 'flush' },
        { do: 'load', table: ['0 1024 linear {a} 0'] },
        { do: 'resume' },
        ...look,
        { do: 'read', sector: 0, sectors: 8 },
      ],
    },
  ];
  for (let i = 0; i < 6; i++) {
    const table: string[] = [];
    let start = 0;
    for (let line = random.between(3, 9); line > 0; line--) {
      const length = random.between(1, 300);
      const kind = random.pick(['linear', 'linear', 'zero', 'error']);
      table.push(`${start} ${length} ${kind}${kind === 'linear' ? ` {a} ${random.between(0, 7000)}` : ''}`);
      start += length;
    }
    all.push({
      name: `zero and error between linear ${i}`,
      disks: [{ sectors: 8192 }],
      devices: [{ name: 'top', table }],
      steps: [...look, ...workload(random, { sectors: start, steps: 40 })],
    });
  }
  return all;
}

const look: readonly Step[] = [{ do: 'info' }, { do: 'status' }, { do: 'table' }, { do: 'limits' }];
