// What the device mapper adds to a request: the bare device beside the same one under linear tables.
//   npm run build && node --expose-gc bench/dm-core.mjs
// Nanoseconds a request of 4 KiB, and bytes of garbage a request; rounds are interleaved, so that other load on
// the machine disturbs all alike, and the median difference of the pairs is what counts.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeviceMapper, MemoryDevice, openDevice, parseTable } from '../dist/index.js';

const BLOCK = 4096;
const SIZE = 64 << 20;
const ROUNDS = 31;
const REQUESTS = 50_000;
const DEPTH = 32;

/** Does nothing, at once: what is left is the way to it. */
class NoDevice extends MemoryDevice {
  read() {}
  write() {}
}

/** Does nothing, a turn of the event loop later; requests made in one turn end in one. */
class LaterDevice extends MemoryDevice {
  read() {
    return this.later();
  }
  write() {
    return this.later();
  }
  later() {
    if (!this.turn) {
      this.turn = new Promise((resolve) => setImmediate(resolve));
      this.turn.then(() => {
        this.turn = undefined;
      });
    }
    return this.turn.then(() => {});
  }
}

/** Devices `levels` linear tables above `device`. */
async function mapped(device, levels, lines = 1) {
  const mapper = new DeviceMapper({ openDevice: async () => device });
  let top = device;
  for (let level = 1; level <= levels; level++) {
    top = await mapper.create({ name: `level${level}` });
    const below = level === 1 ? 'disk' : `/dev/mapper/level${level - 1}`;
    const part = SIZE / 512 / lines;
    const table = Array.from({ length: lines }, (_, i) => `${i * part} ${part} linear ${below} ${i * part}`);
    await mapper.load(top, parseTable(table.join('\n')));
    await top.resume();
  }
  return top;
}

const places = Array.from({ length: REQUESTS }, () => Math.floor(Math.random() * (SIZE / BLOCK)) * BLOCK);
const buffers = Array.from({ length: DEPTH }, () => new Uint8Array(BLOCK));

/** @returns [nanoseconds, bytes of garbage] a request */
async function round(device, kind, depth) {
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed;
  const start = process.hrtime.bigint();
  for (let i = 0; i < REQUESTS; i += depth) {
    const pending = [];
    for (let slot = 0; slot < depth && i + slot < REQUESTS; slot++) {
      const done = device[kind](places[i + slot], buffers[slot]);
      if (done) pending.push(done);
    }
    if (pending.length > 0) await Promise.all(pending);
  }
  const time = Number(process.hrtime.bigint() - start);
  return [time / REQUESTS, Math.max(0, process.memoryUsage().heapUsed - heap) / REQUESTS];
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function compare(name, bare, others, depth) {
  for (const kind of ['read', 'write']) {
    const found = [bare, ...others.map(([, device]) => device)].map(() => []);
    for (let i = 0; i < ROUNDS; i++) {
      for (const [n, device] of [bare, ...others.map(([, d]) => d)].entries()) {
        found[n].push(await round(device, kind, depth));
      }
    }
    const base = found[0].map(([time]) => time);
    for (const [n, [what]] of [['bare'], ...others].entries()) {
      const times = found[n].map(([time]) => time);
      const added = median(times.map((time, i) => time - base[i]));
      const garbage = median(found[n].map(([, bytes]) => bytes));
      const row = [median(times).toFixed(0), added.toFixed(0), garbage.toFixed(0)];
      console.log(
        `${name.padEnd(30)} ${kind.padEnd(6)} ${what.padEnd(24)} ${row.map((cell) => cell.padStart(8)).join('')}`,
      );
    }
  }
}

console.log(
  `node ${process.version}; ns and bytes of garbage a request of ${BLOCK} bytes, medians of ${ROUNDS} rounds`,
);
console.log(
  `${'device'.padEnd(37)} ${'through'.padEnd(24)} ${['ns', 'added', 'garbage'].map((cell) => cell.padStart(8)).join('')}`,
);
for (const [name, device, depth] of [
  ['nothing, at once', new NoDevice(SIZE), 1],
  ['memory', new MemoryDevice(SIZE), 1],
  [`nothing, later, ${DEPTH} at once`, new LaterDevice(SIZE), DEPTH],
]) {
  await compare(
    name,
    device,
    [
      ['linear', await mapped(device, 1)],
      ['linear, 1024 lines', await mapped(device, 1, 1024)],
      ['linear on linear on linear', await mapped(device, 3)],
    ],
    depth,
  );
}
const directory = mkdtempSync(join('/dev/shm', 'dm-core-'));
try {
  const path = join(directory, 'image');
  writeFileSync(path, '');
  truncateSync(path, SIZE);
  const file = await openDevice(path);
  await compare('file in memory', file, [['linear', await mapped(file, 1)]], 1);
  await file.close();
} finally {
  rmSync(directory, { recursive: true });
}
