// Our LUKS export beside those of others, through NBD, in one interleaved run:
//
//   node bench/nbd-peers.mjs [--seconds N] [--rounds N] [--size MIB] [--bin bin/tscrypt.js] [--only NAME,…]
//
// Peers: `nbdkit file --filter=luks` and `qemu-nbd` with `driver=luks`. Both know LUKS1 only, so they serve a
// LUKS1 image; ours is LUKS2. The cipher is the same everywhere: aes-xts-plain64, 512-bit key, 512-byte
// sectors; a second export of ours has 4096-byte sectors, the default of `tscrypt luksFormat`, for comparison.
// Needs fio (with its nbd engine), nbdkit, qemu-nbd and cryptsetup; backing files lie in /dev/shm.
// On a machine with other work, `chrt -r 1 node bench/nbd-peers.mjs` keeps that from deciding the result.
// Prints the best round of each workload, the ratio to nbdkit, and the CPU time each server used.
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
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    size: { type: 'string', default: '512' },
    bin: { type: 'string', default: fileURLToPath(new URL('../bin/tscrypt.js', import.meta.url)) },
    only: { type: 'string' },
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
  { name: '4 KiB random read, QD 1', rw: 'randread', bs: '4k', depth: 1 },
  { name: '4 KiB random write, QD 1', rw: 'randwrite', bs: '4k', depth: 1 },
  { name: '4 KiB random read, QD 32', rw: 'randread', bs: '4k', depth: 32 },
  { name: '4 KiB random write, QD 32', rw: 'randwrite', bs: '4k', depth: 32 },
  { name: '128 KiB sequential read, QD 8', rw: 'read', bs: '128k', depth: 8 },
  { name: '128 KiB sequential write, QD 8', rw: 'write', bs: '128k', depth: 8 },
];

const PEERS = {
  nbdkit: { title: 'nbdkit luks (LUKS1)', start: startNbdkit },
  qemu: { title: 'qemu-nbd luks (LUKS1)', start: startQemu },
  tscrypt: { title: 'tscrypt (LUKS2)', start: () => startTscrypt('bench512', 512) },
  'tscrypt-4096': { title: 'tscrypt (LUKS2, 4096)', start: () => startTscrypt('bench4096', 4096) },
};

async function startNbdkit() {
  const image = await makeLuks1('nbdkit.img');
  const socket = join(directory, 'nbdkit.sock');
  const child = spawn(
    'nbdkit',
    ['--foreground', '-U', socket, '--filter=luks', 'file', image, `passphrase=+${keyFile}`],
    { env, stdio: 'ignore' },
  );
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
  const image = join(directory, `${name}.img`);
  writeFileSync(image, '');
  truncateSync(image, SIZE + HEADER);
  const bin = resolve(options.bin);
  const pbkdf = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
  const cipher = ['--cipher', 'aes-xts-plain64', '--key-size', '512', '--sector-size', `${sectorSize}`];
  await run('node', [bin, 'luksFormat', '-q', ...pbkdf, ...cipher, '--key-file', keyFile, image], { env });
  await run('node', [bin, 'open', image, name, '--key-file', keyFile], { env });
  const socket = join(runtime, name, 'nbd.sock');
  const { stdout } = await run('node', [bin, 'status', name], { env });
  const pid = Number(/process:\s*(\d+)/.exec(stdout)?.[1]);
  return {
    uri: `nbd+unix:///${name}?socket=${socket}`,
    pid,
    stop: () => run('node', [bin, 'close', name], { env }),
  };
}

/** A LUKS1 image made by stock cryptsetup, with the volume key size and cipher that ours has. */
async function makeLuks1(name) {
  const image = join(directory, name);
  writeFileSync(image, '');
  truncateSync(image, SIZE + HEADER);
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
  return { iops: side.iops, mibs: side.bw_bytes / MIB, cpuPerRequest: (cpu / side.total_ios) * 1e6 };
}

function show(workload, result, reference) {
  const rate =
    workload.bs === '4k' ? `${(result.iops / 1000).toFixed(1)}k/s` : `${Math.round(result.mibs)} MiB/s`;
  const ratio = reference ? ` ${(result.iops / reference.iops).toFixed(2)}×` : '';
  return `${rate}${ratio}, ${result.cpuPerRequest.toFixed(1)} µs`;
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
  const best = new Map();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const workload of WORKLOADS) {
      for (const [name, server] of Object.entries(servers)) {
        const result = await measure(server, workload, SECONDS);
        const key = `${workload.name}/${name}`;
        if (!best.has(key) || best.get(key).iops < result.iops) best.set(key, result);
      }
    }
  }
  console.log(
    `${cpus().length} × ${cpus()[0]?.model}, node ${process.version}; fio, one client, backing files in /dev/shm,`,
  );
  console.log(
    `${SIZE / MIB} MiB, ${SECONDS} s, best of ${ROUNDS} interleaved rounds. aes-xts-plain64, 512-bit key, 512-byte`,
  );
  console.log(
    'sectors (4096 where it says so). The peers serve LUKS1, ours is LUKS2: both peers know LUKS1 only.',
  );
  console.log('Each cell: rate, ratio to nbdkit, CPU time of the server per request.\n');
  const names = Object.keys(servers);
  const rows = [['', ...names.map((name) => PEERS[name].title)]];
  for (const workload of WORKLOADS) {
    const reference = best.get(`${workload.name}/nbdkit`);
    rows.push([
      workload.name,
      ...names.map((name) => show(workload, best.get(`${workload.name}/${name}`), reference)),
    ]);
  }
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
