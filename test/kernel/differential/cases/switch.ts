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
  all.push({
    name: 'switch: messages',
    disks: [{ sectors: 128 }, { sectors: 128 }, { sectors: 128 }],
    devices: [{ name: 'top', table: ['0 64 switch 3 8 0 {a} 0 {b} 0 {c} 0'] }],
    steps: [
      'nosuch',
      'set_region_mappings',
      'SET_region_mappings 0:1',
      'set_region_mappings 0:3',
      'set_region_mappings 8:0',
      'set_region_mappings 7:2 :0',
      'set_region_mappings :1',
      'set_region_mappings x:1',
      'set_region_mappings 0:x',
      'set_region_mappings 0:',
      'set_region_mappings 0',
      'set_region_mappings R1,2',
      'set_region_mappings 0:1 R1,3',
      'set_region_mappings 0:1 R2,3',
      'set_region_mappings 0:1 :2 R2,6',
      'set_region_mappings 0:1 :2 R2,7',
      'set_region_mappings 0:1 R0,1',
      'set_region_mappings 0:1 R1,0',
      'set_region_mappings 0:1 R1',
      'set_region_mappings 0:1 R1,2,3',
      'set_region_mappings 0:1 r1,1',
      'set_region_mappings 0:1:2',
      'set_region_mappings A:1',
      'set_region_mappings 0x1:1',
      'set_region_mappings 00000000000000000000001:1',
      'set_region_mappings 1:2 extra',
      'set_region_mappings 100000000:1',
    ].flatMap((words): Step[] => [
      { do: 'message', sector: 0, words },
      { do: 'read', sector: 0, sectors: 64 },
    ]),
  });
  all.push({
    name: 'switch: refused tables',
    disks: [{ sectors: 512 }, { sectors: 512 }, { sectors: 512 }],
    devices: [{ name: 'top', table: ['0 64 switch 2 8 0 {a} 0 {b} 0'] }],
    steps: [
      '0 64 switch',
      '0 64 switch 2 8',
      '0 64 switch 2 8 0',
      '0 64 switch 2 8 0 {a} 0',
      '0 64 switch 0 8 0',
      '0 64 switch x 8 0 {a} 0',
      '0 64 switch 2 0 0 {a} 0 {b} 0',
      '0 64 switch 2 x 0 {a} 0 {b} 0',
      '0 64 switch 2 8 1 a {a} 0 {b} 0',
      '0 64 switch 2 8 x {a} 0 {b} 0',
      '0 64 switch 2 8 0 {a} x {b} 0',
      '0 64 switch 2 8 0 /dev/nope 0 {b} 0',
      '0 64 switch 2 8 0 {a} 0 {b} 0 {c} 0',
      '0 64 switch 2 8 0 {a} 0 {b} 0 {c}',
      '0 64 switch 2 8 0 {a} 9999 {b} 0',
      '0 63 switch 2 10 0 {a} 0 {b} 0',
      '0 64 switch 1 4294967295 0 {a} 0',
      '0 64 switch 1 4294967296 0 {a} 0',
    ].map((line): Step => ({ do: 'load', table: [line] })),
  });
  return all;
}

/** Single regions, following ones and runs, all of them valid. */
function mappings(random: Random, regions: number, paths: number): string {
  const words: string[] = [];
  let last = random.below(regions);
  words.push(`${last.toString(16)}:${random.below(paths)}`);
  for (let i = random.between(0, 6); i > 0; i--) {
    const room = regions - 1 - last;
    const kind = room > 0 ? random.pick(['next', 'run', 'any']) : 'any';
    if (kind === 'next') {
      last++;
      words.push(`:${random.below(paths)}`);
    } else if (kind === 'run') {
      const run = random.between(1, room);
      words.push(`R${random.between(1, last + 1).toString(16)},${run.toString(16)}`);
      last += run;
    } else {
      last = random.below(regions);
      words.push(`${last.toString(16).toUpperCase()}:${random.below(paths)}`);
    }
  }
  return words.join(' ');
}
