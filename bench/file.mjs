// What a request to a file costs, by the way it is served: inline, through io_uring, in the thread pool.
//   npm run build && node bench/file.mjs [DIRECTORY ON A DISK]
// Microseconds and processor time a request of a file that is in the page cache; the ways take turns, so that other
// load on the machine disturbs all alike, and medians are compared.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SIZE = 64 << 20;
const ROUNDS = 3;
/** The time of a round, ms. */
const ROUND = 40;

const WAYS = {
  'as it comes': {},
  'io_uring only': { TSCRYPT_BENCH_FILE: 'ring' },
  'thread pool only': { TSCRYPT_NO_FFI: '1' },
};

if (process.argv[2] === 'measure') await measure(process.argv[3], process.argv[4] === 'direct');
else await compare(process.argv[2] ?? '/var/tmp');

/** In a process of its own for each way, since a process settles for one. Rows of [name, µs, processor µs]. */
async function measure(path, direct) {
  const { openDevice } = await import('../dist/index.js');
  const { arena } = await import('../dist/arena.js');
  if (process.env.TSCRYPT_BENCH_FILE === 'ring') {
    const { libc } = await import('../dist/sys/index.js');
    for (const name of ['preadv2', 'pwritev2']) Object.defineProperty(libc(), name, { value: () => -1 });
    Object.defineProperty(libc(), 'errno', { value: () => 11 });
  }
  const device = await openDevice(path, { direct });
  const piece = arena()
    .take(1 << 20)
    .fill(3);
  for (let at = 0; at < SIZE; at += piece.length) await device.write(at, piece);
  // Until the code is compiled and the pages are dirty.
  for (const kind of ['read', 'write'])
    await run(device, kind, 4, [piece.subarray(0, 4096), piece.subarray(4096, 8192)]);
  const rows = [];
  for (const length of [4096, 128 * 1024]) {
    for (const depth of [1, 32]) {
      const buffers = Array.from({ length: depth }, () => arena().take(length).fill(depth));
      for (const kind of ['read', 'write']) {
        rows.push([`${length / 1024} KiB ${kind}, QD ${depth}`, ...(await run(device, kind, 1, buffers))]);
      }
      for (const buffer of buffers) arena().give(buffer);
    }
  }
  await device.close();
  process.stdout.write(JSON.stringify(rows));
}

/** @returns µs and processor µs a request */
async function run(device, kind, rounds, buffers) {
  const [{ length }] = buffers;
  let served = 0;
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const end = start + BigInt(ROUND * rounds) * 1_000_000n;
  while (process.hrtime.bigint() < end) {
    const pending = [];
    for (const buffer of buffers) {
      const at = Math.floor(Math.random() * (SIZE / length)) * length;
      const done = device[kind](at, buffer);
      if (done) pending.push(done);
    }
    if (pending.length > 0) await Promise.all(pending);
    served += buffers.length;
  }
  const time = Number(process.hrtime.bigint() - start) / 1000 / served;
  const { user, system } = process.cpuUsage(cpu);
  return [time, (user + system) / served];
}

async function compare(disk) {
  for (const [title, parent, mode] of [
    ['a file in memory', '/dev/shm', 'cached'],
    ['a file on a disk, cached', disk, 'cached'],
    ['a file on a disk, direct I/O', disk, 'direct'],
  ]) {
    const directory = mkdtempSync(join(parent, 'tscrypt-bench-'));
    try {
      const path = join(directory, 'image');
      writeFileSync(path, Buffer.alloc(SIZE, 7));
      const found = new Map();
      for (let round = 0; round < ROUNDS; round++) {
        // In every order: what one leaves dirty is written back while the next one runs.
        const ways = Object.entries(WAYS);
        if (round % 2 === 1) ways.reverse();
        for (const [way, environment] of [...ways.slice(round % 3), ...ways.slice(0, round % 3)]) {
          const { stdout, status } = spawnSync(
            process.execPath,
            [fileURLToPath(import.meta.url), 'measure', path, mode],
            { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] },
          );
          if (status !== 0) process.exit(1);
          for (const [name, time, cpu] of JSON.parse(stdout)) {
            const row = found.get(name) ?? new Map();
            row.set(way, [...(row.get(way) ?? []), [time, cpu]]);
            found.set(name, row);
          }
        }
      }
      console.log(`\n${title}\n`);
      console.log(`| | ${Object.keys(WAYS).join(' | ')} |\n|---|---|---|---|`);
      for (const [name, row] of found) {
        const cells = Object.keys(WAYS).map((way) => {
          const [time, cpu] = [0, 1].map((i) => median(row.get(way).map((sample) => sample[i])));
          const ratio = median(row.get(way).map(([own], i) => row.get('thread pool only')[i][0] / own));
          return `${time.toFixed(1)} µs, ${ratio.toFixed(1)}×, ${cpu.toFixed(1)} µs`;
        });
        console.log(`| ${name} | ${cells.join(' | ')} |`);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}
