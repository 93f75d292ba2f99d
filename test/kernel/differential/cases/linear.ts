import type { Case } from '../case.ts';
import { type Random, workload } from '../random.ts';

/** linear: ranges at any place, several lines, limits from misaligned starts, reloads, and what is refused. */
export function cases(random: Random): Case[] {
  const all: Case[] = [];
  for (let i = 0; i < 8; i++) {
    const blockSize = random.pick([512, 4096] as const);
    const unit = blockSize / 512;
    const lines = random.between(1, 5);
    const table: string[] = [];
    let start = 0;
    for (let line = 0; line < lines; line++) {
      const length = random.between(1, 1024 / unit) * unit;
      const disk = random.pick(['{a}', '{b}']);
      table.push(
        `${start} ${length} linear ${disk} ${random.between(0, (8192 - length) / unit - (disk === '{b}' ? 300 : 0)) * unit}`,
      );
      start += length;
    }
    all.push({
      name: `linear ${i}: ${lines} lines over ${blockSize}`,
      disks: [
        { sectors: 8192, blockSize },
        { sectors: 8192 - 304, blockSize },
      ],
      devices: [{ name: 'top', table }],
      steps: [
        { do: 'limits' },
        { do: 'status' },
        { do: 'table' },
        ...workload(random, { sectors: start, unit }),
        { do: 'info' },
      ],
    });
  }
  all.push({
    name: 'linear: refused tables',
    disks: [{ sectors: 2048 }, { sectors: 2048, blockSize: 4096 }],
    devices: [{ name: 'top', table: ['0 1024 linear {a} 0'] }],
    steps: [
      ...[
        ['0 8 linear {a}'],
        ['0 8 linear {a} 0 0'],
        ['0 8 linear'],
        ['0 8 linear {a} x'],
        ['0 8 linear {a} 1x'],
        ['0 8 linear {a} -1'],
        ['0 8 linear /dev/nope 0'],
        ['0 8 linear 240:7 0'],
        ['0 8 linear nonsense 0'],
        ['0 8 linear {top} 0'],
        ['0 2049 linear {a} 0'],
        ['0 8 linear {a} 2041'],
        ['0 8 linear {b} 1'],
        ['0 9 linear {b} 0'],
        ['0 8 linear {a} 0', '9 8 linear {a} 0'],
        ['0 8 linear {a} 0', '7 8 linear {a} 0'],
        ['1 8 linear {a} 0'],
        ['0 0 linear {a} 0'],
        ['0 8 nosuch {a} 0'],
        ['0 4 linear {a} 0', '4 8 linear {b} 0'],
        ['0 12 linear {a} 0', '12 8 linear {b} 0', '20 4 linear {a} 0'],
        ['0 8 linear {b} 0', '8 4 linear {a} 0'],
      ].map((table) => ({ do: 'load', table }) as const),
      { do: 'info' },
      { do: 'table' },
      { do: 'read', sector: 0, sectors: 1024 },
    ],
  });
  all.push({
    name: 'linear: requests that are no whole blocks',
    disks: [{ sectors: 2048, blockSize: 4096 }],
    devices: [{ name: 'top', table: ['0 1024 linear {a} 8'] }],
    steps: [
      { do: 'read', sector: 1, sectors: 8 },
      { do: 'read', sector: 8, sectors: 7 },
      { do: 'write', sector: 1, sectors: 8 },
      { do: 'write', sector: 8, sectors: 7, fua: true },
      { do: 'discard', sector: 1, sectors: 16 },
      { do: 'zeroes', sector: 8, sectors: 9 },
      { do: 'read', sector: 1024, sectors: 8 },
      { do: 'write', sector: 1016, sectors: 16 },
      { do: 'read', sector: 0, sectors: 1024 },
    ],
  });
  all.push({
    name: 'linear: a live device gets other tables',
    disks: [{ sectors: 4096 }, { sectors: 2048 }],
    devices: [{ name: 'top', table: ['0 1024 linear {a} 3'] }],
    steps: [
      { do: 'info' },
      { do: 'write', sector: 5, sectors: 20 },
      { do: 'load', table: ['0 512 linear {b} 8', '512 100 linear {a} 0'] },
      { do: 'info' },
      { do: 'table' },
      { do: 'read', sector: 0, sectors: 30 },
      { do: 'resume' },
      { do: 'info' },
      { do: 'table' },
      { do: 'write', sector: 510, sectors: 20 },
      { do: 'read', sector: 600, sectors: 30 },
      { do: 'load', table: ['0 8 zero'] },
      { do: 'clear' },
      { do: 'info' },
      { do: 'resume' },
      { do: 'suspend' },
      { do: 'info' },
      { do: 'suspend' },
      { do: 'read', sector: 0, sectors: 8 },
      { do: 'flush' },
      { do: 'status' },
      { do: 'load', table: ['0 2048 linear {a} 2048'] },
      { do: 'resume' },
      { do: 'write', sector: 2000, sectors: 48 },
      { do: 'suspend', flush: false },
      { do: 'info' },
      { do: 'resume' },
      { do: 'load', table: ['0 64 linear {a} 0'], readOnly: true },
      { do: 'resume' },
      { do: 'info' },
      { do: 'write', sector: 0, sectors: 8 },
      { do: 'discard', sector: 0, sectors: 8 },
      { do: 'zeroes', sector: 0, sectors: 8 },
      { do: 'flush' },
      { do: 'read', sector: 0, sectors: 64 },
      { do: 'load', table: ['0 64 linear {a} 0'] },
      { do: 'resume' },
      { do: 'write', sector: 0, sectors: 8 },
      { do: 'message', sector: 0, words: 'hello' },
      { do: 'message', sector: 64, words: 'hello' },
      { do: 'message', sector: 0, words: '@nonsense' },
    ],
  });
  all.push({
    name: 'linear: devices without tables, read-only ones',
    disks: [{ sectors: 1024 }],
    devices: [
      { name: 'empty', table: [] },
      { name: 'fixed', table: ['0 512 linear {a} 0'], readOnly: true },
      { name: 'over', table: ['0 512 linear {fixed} 0'], readOnly: true },
    ],
    steps: [
      { device: 'empty', do: 'info' },
      { device: 'empty', do: 'status' },
      { device: 'empty', do: 'table' },
      { device: 'empty', do: 'read', sector: 0, sectors: 8 },
      { device: 'empty', do: 'suspend' },
      { device: 'empty', do: 'info' },
      { device: 'empty', do: 'resume' },
      { device: 'empty', do: 'message', sector: 0, words: 'hello' },
      { device: 'empty', do: 'load', table: ['0 512 linear {fixed} 0'], readOnly: true },
      { device: 'empty', do: 'resume' },
      { device: 'empty', do: 'info' },
      { device: 'fixed', do: 'info' },
      { device: 'fixed', do: 'write', sector: 0, sectors: 8 },
      { do: 'info' },
      { do: 'write', sector: 0, sectors: 8 },
      { do: 'flush' },
      { do: 'read', sector: 0, sectors: 512 },
    ],
  });
  return all;
}
