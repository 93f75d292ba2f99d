// Our LUKS export beside those of others, through NBD, in one interleaved run:
//
//   node bench/nbd-peers.mjs [--seconds N] [--rounds N] [--size MIB] [--bin bin/tscrypt.js] [--only NAME,…]
//     [--workloads NAME,…] [--export socket|…]
//
// Peers: `nbdkit file --filter=luks` and `qemu-nbd` with `driver=luks`, which know LUKS1 only, so they serve a
// LUKS1 image; ours is LUKS2. The cipher is the same everywhere: aes-xts-plain64, 512-bit key, 512-byte
// sectors; a second export of ours has 4096-byte sectors, the default of `tscrypt luksFormat`. `nbdkit file` without a
// filter serves the plaintext: what encryption costs is the distance to it.
// Needs fio (with its nbd engine), nbdkit, qemu-nbd and cryptsetup; backing files lie in /dev/shm. One client with
// one connection.
// Prints the median over the rounds of each workload's rate, its ratio to each peer, the CPU time that the server used
// for it, and how much memory the servers hold in the end.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    size: { type: 'string', default: '512' },
    bin: { type: 'string', default: fileURLToPath(new URL('../bin/tscrypt.js', import.meta.url)) },
    only: { type: 'string' },
    workloads: { type: 'string' },
    export: { type: 'string', default: 'socket' },
  },
});
const SECONDS = Number(options.seconds);
const ROUNDS = Number(options.rounds);
const MIB = 1024 * 1024;
const SIZE = Number(options.size) * MIB;
const HEADER = 16 * MIB;

const directory = mkdtempSync('/dev/shm/tscrypt-bench-');
const runtime = join(directory, 'run');
const keyFile = join(directory, 'key');
const env = { ...process.env, TSCRYPT_RUNTIME_DIR: runtime, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
delete env.NODE_EXTRA_CA_CERTS;

const WORKLOADS = [
  { name: 'r4q1', title: '4 KiB random read, QD 1', rw: 'randread', bs: '4k', depth: 1 },
  { name: 'w4q1', title: '4 KiB random write, QD 1', rw: 'randwrite', bs: '4k', depth: 1 },
  { name: 'r4q32', title: '4 KiB random read, QD 32', rw: 'randread', bs: '4k', depth: 32 },
  { name: 'w4q32', title: '4 KiB random write, QD 32', rw: 'randwrite', bs: '4k', depth: 32 },
  { name: 'r128q8', title: '128 KiB sequential read, QD 8', rw: 'read', bs: '128k', depth: 8 },
  { name: 'w128q8', title: '128 KiB sequential write, QD 8', rw: 'write', bs: '128k', depth: 8 },
  { name: 'r1mq4', title: '1 MiB sequential read, QD 4', rw: 'read', bs: '1m', depth: 4 },
  { name: 'w1mq4', title: '1 MiB sequential write, QD 4', rw: 'write', bs: '1m', depth: 4 },
];

const PEERS = {
  nbdkit: { title: 'nbdkit luks', start: () => startNbdkit('nbdkit', true) },
  qemu: { title: 'qemu-nbd luks', start: startQemu },
  plain: { title: 'nbdkit plaintext', start: () => startNbdkit('plain', false) },
  tscrypt: { title: 'tscrypt', start: () => startTscrypt('bench512', 512) },
  'tscrypt-4096': { title: 'tscrypt, 4096', start: () => startTscrypt('bench4096', 4096) },
};
/** Those that others are compared with. */
const REFERENCES = ['nbdkit', 'qemu', 'plain'];

async function startNbdkit(name, encrypted) {
  const image = encrypted ? await makeLuks1(`${name}.img`) : makeImage(`${name}.img`, SIZE);
  const socket = join(directory, `${name}.sock`);
  const luks = encrypted ? ['--filter=luks', 'file', image, `passphrase=+${keyFile}`] : ['file', image];
  const child = spawn('nbdkit', ['--foreground', '-U', socket, ...luks], { env, stdio: 'ignore' });
  await listening(socket, child);
  return { uri: `nbd+unix:///?socket=${socket}`, pid: child.pid, stop: () => stopChild(child) };
}

async function startQemu() {
  const image = await makeLuks1('qemu.img');
  const socket = join(directory, 'qemu.sock');
  const child = spawn(
    'qemu-nbd',
    [
      '--persistent',
      '--shared=0',
      '-x',
      '',
      '-k',
      socket,
      '--object',
      `secret,id=key,file=${keyFile}`,
      '--image-opts',
      `driver=luks,key-secret=key,file.driver=file,file.filename=${image}`,
    ],
    { env, stdio: 'ignore' },
  );
  await listening(socket, child);
  return { uri: `nbd+unix:///?socket=${socket}`, pid: child.pid, stop: () => stopChild(child) };
}

async function startTscrypt(name, sectorSize) {
  const image = makeImage(`${name}.img`, SIZE + HEADER);
  const bin = resolve(options.bin);
  const pbkdf = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
  const cipher = ['--cipher', 'aes-xts-plain64', '--key-size', '512', '--sector-size', `${sectorSize}`];
  await run('node', [bin, 'luksFormat', '-q', ...pbkdf, ...cipher, '--key-file', keyFile, image], { env });
  await run('node', [bin, 'open', image, name, '--key-file', keyFile, '--export', options.export], { env });
  const socket = join(runtime, name, 'nbd.sock');
  const { stdout } = await run('node', [bin, 'status', name], { env });
  const pid = Number(/process:\s*(\d+)/.exec(stdout)?.[1]);
  return {
    uri: `nbd+unix:///${name}?socket=${socket}`,
    pid,
    stop: () => run('node', [bin, 'close', name], { env }),
  };
}

function makeImage(name, size) {
  const image = join(directory, name);
  writeFileSync(image, '');
  truncateSync(image, size);
  return image;
}

/** A LUKS1 image made by stock cryptsetup, with the volume key size and cipher that ours has. */
async function makeLuks1(name) {
  const image = makeImage(name, SIZE + HEADER);
  const options1 = [
    '--type',
    'luks1',
    '--cipher',
    'aes-xts-plain64',
    '--key-size',
    '512',
    '--hash',
    'sha256',
  ];
  await run(
    'cryptsetup',
    ['luksFormat', '-q', ...options1, '--pbkdf-force-iterations', '1000', '--key-file', keyFile, image],
    { env },
  );
  return image;
}

async function listening(socket, child) {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (existsSync(socket) && (await connects(socket))) return;
    await sleep(10);
  }
  throw new Error('the server does not listen');
}

function connects(socket) {
  return new Promise((done) => {
    const probe = net.connect(socket, () => {
      probe.destroy();
      done(true);
    });
    probe.on('error', () => done(false));
  });
}

async function stopChild(child) {
  const ended = new Promise((done) => child.once('exit', done));
  child.kill();
  await ended;
}

/** User and system time of a process, in seconds (proc(5), /proc/PID/stat). */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident memory, and the most there has been, in MiB (proc(5), /proc/PID/status). */
function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (field) => Math.round(Number(new RegExp(`${field}:\\s*(\\d+)`).exec(status)?.[1]) / 1024);
  return { now: mib('VmRSS'), most: mib('VmHWM') };
}

async function measure(server, workload, seconds) {
  const before = cpuSeconds(server.pid);
  const { stdout } = await run(
    'fio',
    [
      '--name=bench',
      '--ioengine=nbd',
      `--uri=${server.uri}`,
      `--rw=${workload.rw}`,
      `--bs=${workload.bs}`,
      `--iodepth=${workload.depth}`,
      `--size=${SIZE}`,
      '--time_based',
      `--runtime=${seconds}`,
      '--output-format=json',
    ],
    { env, maxBuffer: 16 * MIB },
  );
  const cpu = cpuSeconds(server.pid) - before;
  const job = JSON.parse(stdout.slice(stdout.indexOf('{'))).jobs[0];
  const side = workload.rw.endsWith('read') ? job.read : job.write;
  return {
    iops: side.iops,
    rate: side.bw_bytes / 1e9,
    cpuPerRequest: (cpu / side.total_ios) * 1e6,
    cpuPerByte: cpu / (side.io_bytes / 1e9),
  };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The medians of a server's rounds of a workload, each figure on its own. */
function medians(results) {
  return Object.fromEntries(
    Object.keys(results[0]).map((key) => [key, median(results.map((result) => result[key]))]),
  );
}

function show(workload, result, references) {
  const small = workload.bs === '4k';
  const rate = small ? `${(result.iops / 1000).toFixed(1)}k/s` : `${result.rate.toFixed(2)} GB/s`;
  const cpu = small ? `${result.cpuPerRequest.toFixed(1)} µs` : `${result.cpuPerByte.toFixed(2)} s/GB`;
  const ratios = references.map((reference) => (result.iops / reference.iops).toFixed(2));
  return `${rate} ${ratios.join('/')} ${cpu}`;
}

const servers = {};
try {
  writeFileSync(keyFile, 'a passphrase for the benchmark', { mode: 0o600 });
  const chosen = options.only?.split(',') ?? Object.keys(PEERS);
  for (const name of chosen) servers[name] = await PEERS[name].start();
  // What was never written costs no decryption of real pages: fill everything once.
  for (const server of Object.values(servers)) {
    await run(
      'fio',
      [
        '--name=fill',
        '--ioengine=nbd',
        `--uri=${server.uri}`,
        '--rw=write',
        '--bs=1m',
        '--iodepth=4',
        `--size=${SIZE}`,
      ],
      { env },
    );
  }
  const wanted = options.workloads?.split(',');
  const workloads = WORKLOADS.filter(({ name }) => !wanted || wanted.includes(name));
  const names = Object.keys(servers);
  const results = new Map();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const workload of workloads) {
      for (const name of names) {
        const key = `${workload.name}/${name}`;
        results.set(key, [...(results.get(key) ?? []), await measure(servers[name], workload, SECONDS)]);
      }
    }
  }
  const references = REFERENCES.filter((name) => servers[name]);
  console.log(
    `${cpus().length} × ${cpus()[0]?.model}, node ${process.version}; fio, one client and connection, backing files in`,
  );
  console.log(
    `/dev/shm, ${SIZE / MIB} MiB, ${SECONDS} s, medians of ${ROUNDS} interleaved rounds. aes-xts-plain64, 512-bit key,`,
  );
  console.log(
    '512-byte sectors (4096 where it says so). The peers serve LUKS1, which is all they know, ours is LUKS2.',
  );
  console.log(
    `Each cell: rate, ratio to ${references.map((name) => PEERS[name].title).join(' / ')}, CPU time of the server.\n`,
  );
  const rows = [['', ...names.map((name) => PEERS[name].title)]];
  for (const workload of workloads) {
    const of = (name) => medians(results.get(`${workload.name}/${name}`));
    rows.push([workload.title, ...names.map((name) => show(workload, of(name), references.map(of)))]);
  }
  rows.push([
    'Resident memory, and the most',
    ...names.map((name) => {
      const { now, most } = memory(servers[name].pid);
      return `${now} MiB, ${most} MiB`;
    }),
  ]);
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
} finally {
  for (const server of Object.values(servers))
    await server.stop().catch((error) => console.error(error.message));
  rmSync(directory, { recursive: true, force: true });
}
