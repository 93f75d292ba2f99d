import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const STATE: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];

/** unstriped: every stripe of devices of all shapes, over a striped device too, and what is refused. */
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
  all.push({
    name: 'unstriped: refused tables',
    disks: [{ sectors: 512 }],
    devices: [{ name: 'top', table: ['0 64 unstriped 2 8 0 {a} 0'] }],
    steps: [
      '0 64 unstriped',
      '0 64 unstriped 2 8 0 {a}',
      '0 64 unstriped 2 8 0 {a} 0 9',
      '0 64 unstriped x 8 0 {a} 0',
      '0 64 unstriped 0 8 0 {a} 0',
      '0 64 unstriped 2 x 0 {a} 0',
      '0 64 unstriped 2 0 0 {a} 0',
      '0 64 unstriped 2 8 2 {a} 0',
      '0 64 unstriped 2 8 x {a} 0',
      '0 64 unstriped 1 8 1 {a} 0',
      '0 64 unstriped 2 8 0 {a} x',
      '0 65 unstriped 2 8 0 {a} 0',
      '0 68 unstriped 2 8 0 {a} 0',
      '0 64 unstriped 2 8 0 {a} 4',
      '0 512 unstriped 2 8 0 {a} 0',
      '0 520 unstriped 2 8 0 {a} 0',
      '0 64 unstriped 2 8 0 {a} 449',
    ].map((line): Step => ({ do: 'load', table: [line] })),
  });
  return all;
}
