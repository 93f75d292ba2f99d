// Writes that were acknowledged as stable, and the proof that they were.
//
//   node acknowledged-writes.mjs write FILE LOG     until the file LOG.stop exists
//   node acknowledged-writes.mjs verify FILE LOG
//
// Each step fills a block of FILE, flushes it, and only then appends a line to LOG, which lies somewhere safe.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';

const [mode, path, log] = process.argv.slice(2);
const BLOCK = 4096;
const BLOCKS = 512;

/** What step number `step` writes. */
function content(step) {
  return Buffer.alloc(BLOCK, createHash('sha512').update(`step ${step}`).digest());
}

if (mode === 'write') {
  const fd = openSync(path, 'w+');
  for (let step = 0; !existsSync(`${log}.stop`); step++) {
    const block = (step * 7919) % BLOCKS;
    writeSync(fd, content(step), 0, BLOCK, block * BLOCK);
    fdatasyncSync(fd);
    appendFileSync(log, `${block} ${step}\n`);
  }
  closeSync(fd);
} else {
  const last = new Map();
  for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
    const [block, step] = line.split(' ').map(Number);
    last.set(block, step);
  }
  const fd = openSync(path, 'r');
  const found = Buffer.alloc(BLOCK);
  for (const [block, step] of last) {
    readSync(fd, found, 0, BLOCK, block * BLOCK);
    if (found.equals(content(step))) continue;
    console.error(`block ${block} is not what step ${step} wrote and flushed`);
    process.exit(1);
  }
  if (last.size === 0) {
    console.error('nothing was ever acknowledged');
    process.exit(1);
  }
  console.log(`${last.size} blocks hold what was acknowledged last`);
}
