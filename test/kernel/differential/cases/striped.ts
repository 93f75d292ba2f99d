import type { Case, Step } from '../case.ts';
import { type Random, workload } from '../random.ts';

const STATE: readonly Step[] = [{ do: 'limits' }, { do: 'status' }, { do: 'table' }];

/** striped: counts and chunks of all kinds, stripes that fail, reloads, and what is refused. */
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
  all.push({
    name: 'striped: a stripe fails',
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
      { do: 'status' },
      { do: 'info' },
      ...Array.from({ length: 18 }, (): Step => ({ do: 'read', sector: 128, sectors: 8 })),
      { do: 'discard', sector: 128, sectors: 16 },
      { do: 'status' },
      { do: 'info' },
    ],
  });
  all.push({
    name: 'striped: a failure on a device of two stripes',
    disks: [{ sectors: 512 }, { sectors: 512 }],
    devices: [
      { name: 'bad', table: ['0 64 linear {a} 0', '64 64 error', '128 128 linear {a} 128'] },
      { name: 'top', table: ['0 192 striped 3 8 {bad} 0 {b} 0 {bad} 64'] },
    ],
    steps: [
      { do: 'read', sector: 0, sectors: 8 },
      { do: 'status' },
      { do: 'read', sector: 16, sectors: 8 },
      { do: 'status' },
      { do: 'info' },
    ],
  });
  all.push({
    name: 'striped: reloaded with another chunk',
    disks: [{ sectors: 1024 }, { sectors: 1024 }],
    devices: [{ name: 'top', table: ['0 1024 striped 2 8 {a} 0 {b} 0'] }],
    steps: [
      ...workload(random, { sectors: 1024, steps: 10 }),
      { do: 'load', table: ['0 960 striped 2 15 {b} 7 {a} 3'] },
      { do: 'resume' },
      ...STATE,
      ...workload(random, { sectors: 960, steps: 20 }),
    ],
  });
  all.push({
    name: 'striped: refused tables',
    disks: [{ sectors: 512 }, { sectors: 512 }],
    devices: [{ name: 'top', table: ['0 64 striped 2 8 {a} 0 {b} 0'] }],
    steps: [
      '0 64 striped',
      '0 64 striped 2',
      '0 64 striped 2 8 {a} 0',
      '0 64 striped 2 8 {a} 0 {b} 0 1',
      '0 64 striped 2 8 {a} 0 {b} 0 0',
      '0 64 striped 0 8 {a} 0',
      '0 64 striped x 8 {a} 0',
      '0 64 striped -1 8 {a} 0',
      '0 64 striped 2 0 {a} 0 {b} 0',
      '0 64 striped 2 x {a} 0 {b} 0',
      '0 64 striped 2 -8 {a} 0 {b} 0',
      '0 64 striped 2 4294967296 {a} 0 {b} 0',
      '0 64 striped 2 2147483649 {a} 0 {b} 0',
      '0 65 striped 2 8 {a} 0 {b} 0',
      '0 66 striped 2 8 {a} 0 {b} 0',
      '0 64 striped 2 8 {a} 0 {b} x',
      '0 64 striped 2 8 {a} 0 /dev/nope 0',
      '0 64 striped 2 8 {a} 9999 {b} 0',
      '0 64 striped 2 8 {a} 0 {b} 481',
      '0 64 striped 2 8 {top} 0 {b} 0',
    ].map((line): Step => ({ do: 'load', table: [line] })),
  });
  return all;
}
