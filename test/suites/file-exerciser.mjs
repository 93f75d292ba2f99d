// Random work on one file of a mounted file system, checked against a model of it in memory: writes, reads,
// truncations, holes punched, fsync, and now and then everything compared after the page cache was dropped.
//
//   node file-exerciser.mjs FILE SEED OPERATIONS MAXIMUM_SIZE
//
// Ends with 0 when the file always was what the model says; else says what it found and where.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

const [path, seedText, countText, maximumText] = process.argv.slice(2);
const maximum = Number(maximumText);
const model = Buffer.alloc(maximum);
let size = 0;
let state = Number(seedText) >>> 0 || 1;

/** A number from 0 up to `limit`, exclusive (xorshift32). */
function random(limit) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state % limit;
}

/** Mostly small, sometimes large, often aligned. */
function range(limit) {
  let offset = random(limit);
  let length = 1 + random(random(4) === 0 ? 256 * 1024 : 8 * 1024);
  if (random(3) === 0) {
    offset -= offset % 4096;
    length += 4096 - (length % 4096);
  }
  return { offset, length: Math.min(length, limit - offset) };
}

function fail(what, offset, found, expected) {
  const at = found.findIndex((byte, index) => byte !== expected[index]);
  console.error(
    `${path}: ${what} at ${offset + at}: found ${found[at]}, expected ${expected[at]} (seed ${seedText})`,
  );
  process.exit(1);
}

function check(fd, offset, length, what) {
  const found = Buffer.alloc(length);
  let got = 0;
  while (got < length) {
    const count = readSync(fd, found, got, length - got, offset + got);
    if (count === 0) break;
    got += count;
  }
  const expected = model.subarray(offset, offset + length);
  if (got !== length || !found.equals(expected)) fail(what, offset, found, expected);
}

const fd = openSync(path, 'w+');
for (let operation = 0; operation < Number(countText); operation++) {
  const kind = random(100);
  if (kind < 45) {
    const { offset, length } = range(maximum);
    const bytes = Buffer.alloc(length, createHash('sha256').update(`${seedText} ${operation}`).digest());
    for (let put = 0; put < length; ) put += writeSync(fd, bytes, put, length - put, offset + put);
    bytes.copy(model, offset);
    size = Math.max(size, offset + length);
  } else if (kind < 80) {
    if (size === 0) continue;
    const { offset, length } = range(size);
    check(fd, offset, length, `operation ${operation}, read`);
  } else if (kind < 85) {
    const next = random(maximum);
    ftruncateSync(fd, next);
    if (next < size) model.fill(0, next, size);
    size = next;
  } else if (kind < 90) {
    if (size === 0) continue;
    const { offset, length } = range(size);
    execFileSync('fallocate', ['-p', '-o', String(offset), '-l', String(length), path]);
    model.fill(0, offset, offset + length);
  } else if (kind < 97) {
    fsyncSync(fd);
  } else {
    fsyncSync(fd);
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    if (size > 0) check(fd, 0, size, `operation ${operation}, everything`);
  }
}
fsyncSync(fd);
closeSync(fd);
if (statSync(path).size !== size) {
  console.error(`${path}: ${statSync(path).size} bytes, expected ${size} (seed ${seedText})`);
  process.exit(1);
}
console.log(`${createHash('sha256').update(model.subarray(0, size)).digest('hex')}  ${path}`);
