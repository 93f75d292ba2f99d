// Sector ciphers and sector hashes: every way in which they can be computed here, and `openssl speed` beside them.
//   npm run build && node bench/crypto.mjs
// One thread on one core; processor time, not time on the clock, so that other load on the machine takes nothing away;
// ratios are medians of interleaved rounds. `openssl speed` encrypts one block of the sector's size again and again,
// without ever setting an IV: the most that this library does on this core, with no sectors to tell apart.
import { execFileSync, spawnSync } from 'node:child_process';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { arena } from '../dist/arena.js';
import { nodeEngine } from '../dist/crypto/engines/node/engine.js';
import { createOpensslEngine } from '../dist/crypto/engines/openssl/engine.js';
import { bindOpenssl } from '../dist/crypto/engines/openssl/openssl.js';
import { choiceFor } from '../dist/crypto/engines/openssl/xts.js';
import { xtsMethods } from '../dist/crypto/engines/openssl/xts-methods.js';
import { parseCipherSpec } from '../dist/crypto/index.js';
import { openLibcrypto } from '../dist/sys/index.js';

const CORE = '0';
const ROUNDS = 5;
const ROUND_MS = 15;
const KIB = 1024;

if (process.env.BENCH_PINNED !== '1') {
  const env = { ...process.env, BENCH_PINNED: '1' };
  const script = fileURLToPath(import.meta.url);
  const { status, error } = spawnSync('taskset', ['-c', CORE, process.execPath, script], {
    env,
    stdio: 'inherit',
  });
  if (!error) process.exit(status ?? 1);
  console.log('There is no taskset: not bound to one core.');
}

const library = openLibcrypto();
const openssl = library && bindOpenssl(library);
const opensslEngine = library && createOpensslEngine(library);
const memory = arena();
const tool = opensslTool();
console.log(`node ${process.version} with OpenSSL ${process.versions.openssl}; beside ${tool ?? 'nothing'}`);
if (!openssl) console.log('No foreign functions, or not this OpenSSL: the portable engine only.');

/** Milliseconds of processor time. */
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** GB/s, 10^9 bytes. */
function rate(bytes, run) {
  const start = cpu();
  let calls = 0;
  let used = 0;
  for (let batch = 1; used < ROUND_MS; used = cpu() - start) {
    for (let i = 0; i < batch; i++) run();
    calls += batch;
    batch = Math.min(batch * 2, 1 << 10, Math.max(1, (8 << 20) / bytes));
  }
  return (calls * bytes) / used / 1e6;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function opensslTool() {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' }).split(' ').slice(0, 2).join(' ');
  } catch {
    return undefined;
  }
}

/** GB/s of processor time. */
function opensslSpeed(algorithm, bytes) {
  if (tool === undefined) return undefined;
  const args = ['speed', '-evp', algorithm, '-bytes', String(bytes), '-seconds', '1'];
  const text = execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return Number(/([\d.]+)k\s*$/.exec(text)?.[1]) / 1e6;
}

/** All rows in each round, and the reference once a round. */
function measure(rows, reference) {
  for (const row of rows) rate(row.bytes, row.run);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const base = reference();
    return rows.map((row) => ({ rate: rate(row.bytes, row.run), base }));
  });
  return rows.map((row, i) => {
    const base = median(rounds.map((round) => round[i].base));
    return {
      ...row,
      rate: median(rounds.map((round) => round[i].rate)),
      base,
      ratio: base === undefined ? undefined : median(rounds.map((round) => round[i].rate / round[i].base)),
    };
  });
}

const cell = ({ rate: value, ratio }) =>
  `${value.toFixed(2)}${ratio === undefined ? '' : ` ${ratio.toFixed(2)}x`}`.padStart(13);

function perSector(create, name, key, sectorSize, data) {
  const iv = Buffer.alloc(16);
  return () => {
    for (let at = 0, sector = 0; at < data.length; at += sectorSize, sector += sectorSize / 512) {
      iv.writeUIntLE(sector, 0, 6);
      const part = data.subarray(at, at + sectorSize);
      part.set(create(name, key, iv).setAutoPadding(false).update(part));
    }
  };
}

function xts(sectorSize) {
  const key = randomBytes(64);
  const spec = parseCipherSpec('aes-xts-plain64');
  const choice = openssl && choiceFor(openssl, { cipher: 'aes', key, sectorSize });
  const portable = nodeEngine.create({ spec, key, sectorSize, largeSectorIv: false });
  const chosen = opensslEngine?.create({ spec, key, sectorSize, largeSectorIv: false });
  const methods = [...xtsMethods].flatMap(([name, create]) => {
    const mode = openssl && create(openssl, { cipher: 'aes', key, sectorSize });
    return mode ? [{ name, mode }] : [];
  });
  const ways = [
    'node:crypto, a call a sector',
    'portable engine',
    ...methods.map(({ name }) => name),
    'chosen',
  ];
  const rows = [4 * KIB, 128 * KIB].flatMap((bytes) => {
    const data = memory?.take(bytes) ?? Buffer.alloc(bytes);
    const row = (way, encrypt, decrypt) => [
      { way, bytes, direction: 'encrypt', run: encrypt },
      { way, bytes, direction: 'decrypt', run: decrypt },
    ];
    return [
      row(
        ways[0],
        perSector(createCipheriv, 'aes-256-xts', key, sectorSize, data),
        perSector(createDecipheriv, 'aes-256-xts', key, sectorSize, data),
      ),
      row(
        ways[1],
        () => portable.encrypt(data, 8),
        () => portable.decrypt(data, 8),
      ),
      ...methods.map(({ name, mode }) => {
        const pieces = (run) => () => {
          for (let at = 0; at < bytes; at += mode.pieceSize)
            run(data.byteOffset + at, Math.min(mode.pieceSize, bytes - at) / sectorSize);
        };
        return row(name, pieces(mode.encrypt), pieces(mode.decrypt));
      }),
      chosen
        ? row(
            'chosen',
            () => chosen.encrypt(data, 8),
            () => chosen.decrypt(data, 8),
          )
        : [],
    ].flat();
  });
  const results = measure(rows, () => opensslSpeed('aes-256-xts', sectorSize));
  const { base } = results[0];
  console.log(`\naes-xts-plain64, 512-bit key, sectors of ${sectorSize} bytes: GB/s, ratio to openssl speed`);
  if (base !== undefined) console.log(`openssl speed, ${sectorSize}-byte blocks: ${base.toFixed(2)} GB/s`);
  if (choice) console.log(`chosen: ${choice.short} for short requests, ${choice.long} for long ones`);
  console.log(`${' '.repeat(30)}  4 KiB enc      4 KiB dec    128 KiB enc    128 KiB dec`);
  for (const way of ways) {
    const cells = results.filter((result) => result.way === way).map(cell);
    if (cells.length > 0) console.log(`${way.padEnd(28)}${cells.join('  ')}`);
  }
  portable.dispose();
  chosen?.dispose();
  for (const { mode } of methods) mode.dispose();
}

/** Where there is no `openssl speed` to compare with, the portable engine is the reference. */
function besidePortable(title, make) {
  const bytes = 128 * KIB;
  const data = memory?.take(bytes) ?? Buffer.alloc(bytes);
  const run = make(opensslEngine, data);
  const portable = make(nodeEngine, data);
  if (!run) return;
  rate(bytes, portable);
  const [result] = measure([{ bytes, run }], () => rate(bytes, portable));
  console.log(`${title.padEnd(40)}${cell(result)}`);
}

for (const sectorSize of [512, 4096]) xts(sectorSize);

console.log('\n128 KiB requests: GB/s, ratio to the portable engine');
for (const text of ['aes-cbc-essiv:sha256', 'aes-ctr-plain64']) {
  for (const sectorSize of [512, 4096]) {
    for (const direction of ['encrypt', 'decrypt']) {
      besidePortable(`${text}, ${sectorSize}, ${direction}`, (engine, data) => {
        const spec = parseCipherSpec(text);
        const cipher = engine?.create({ spec, key: randomBytes(32), sectorSize, largeSectorIv: false });
        return cipher && (() => cipher[direction](data, 8));
      });
    }
  }
}
for (const [title, options] of [
  ['sha256', {}],
  ['sha256, salted', { salt: randomBytes(32) }],
  ['hmac-sha256', { key: randomBytes(32) }],
]) {
  for (const sectorSize of [512, 4096]) {
    besidePortable(`${title}, ${sectorSize}`, (engine, data) => {
      const digests = Buffer.alloc((data.length / sectorSize) * 32);
      const hash = engine?.createHash({ hash: 'sha256', sectorSize, ...options });
      return hash && (() => hash.digest(data, digests));
    });
  }
}
