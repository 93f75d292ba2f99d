// A long run: two opened volumes under verified load at once, then many devices opened and closed. Run as root on a
// built tree; fails when memory grows, or when anything is left over.
//
//   node bench/soak.mjs [--minutes 30] [--cycles 500] [--export auto] [--rate 40]
//
// --rate limits what each of the two reads and writes, in MB/s.
import { execFile, spawn } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    cycles: { type: 'string', default: '500' },
    export: { type: 'string', default: 'auto' },
    rate: { type: 'string', default: '40' },
  },
});
const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'soak-'));
const env = { ...process.env, TSCRYPT_RUNTIME_DIR: join(work, 'run') };
delete env.NODE_EXTRA_CA_CERTS;
const key = join(work, 'key');
writeFileSync(key, 'correct horse battery staple');

const program = (name, args) => run(process.execPath, [join(root, 'bin', `${name}.js`), ...args], { env });
const tscrypt = (...args) => program('tscrypt', args);

async function volume(name, size) {
  const image = join(work, `${name}.img`);
  writeFileSync(image, '');
  truncateSync(image, size);
  const fast = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
  await tscrypt('luksFormat', '-q', ...fast, '--key-file', key, image);
  return image;
}

async function open(image, name, kind) {
  const { stdout } = await tscrypt('open', '--json', '--export', kind, '--key-file', key, image, name);
  return JSON.parse(stdout);
}

/** Resident memory and descriptors of a process, and how many of them are rings. */
function usage(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  const fds = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  return {
    kib: field('VmRSS'),
    /** Without what it shares with every other process of the same program. */
    own: field('RssAnon') + field('RssShmem'),
    fds: fds.length,
    rings: fds.filter((link) => link.includes('io_uring')).length,
  };
}

/** What is there of things of ours that could be left behind. */
function leftovers() {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const loops = readdirSync('/sys/block').filter((name) => {
    try {
      const file = readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim();
      return ['/third', '/upper'].includes(file);
    } catch {
      return false;
    }
  });
  return JSON.stringify({
    mounts: lines.filter((line) => line.includes(` ${work}/`)).length,
    loops: loops.length,
    ublk: readdirSync('/sys/block').filter((name) => name.startsWith('ublk')).length,
    runtime: readdirSync(env.TSCRYPT_RUNTIME_DIR).length,
  });
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const failures = [];
const expect = (holds, text) => {
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${text}`);
  if (!holds) failures.push(text);
};

function fio(name, seconds, ...target) {
  const child = spawn(
    'fio',
    [
      ...[`--name=${name}`, ...target, '--rw=randrw', '--bssplit=4k/60:16k/20:128k/15:1m/5', '--iodepth=8'],
      ...['--verify=crc32c', '--verify_backlog=256', '--verify_fatal=1', '--randrepeat=0', '--size=256m'],
      ...[
        '--time_based',
        `--runtime=${seconds}`,
        `--rate=${values.rate}m,${values.rate}m`,
        `--output=${join(work, `${name}.fio`)}`,
      ],
    ],
    { stdio: 'inherit', env, cwd: work },
  );
  return new Promise((resolve) => child.on('close', resolve));
}

const seconds = Number(values.minutes) * 60;
const cycles = Number(values.cycles);
try {
  // Under load.
  const first = await open(await volume('first', 300 << 20), 'first', values.export);
  const second = await open(await volume('second', 300 << 20), 'second', 'socket');
  console.log(`first: ${first.export.link ?? first.export.node ?? first.uris[0]}; second: ${second.uris[0]}`);
  const block = ['--ioengine=libaio', '--direct=1', `--filename=${first.export.node}`];
  const loads = [
    fio('first', seconds, ...(first.export.node ? block : ['--ioengine=nbd', `--uri=${first.uris[0]}`])),
    fio('second', seconds, '--ioengine=nbd', `--uri=${second.uris[0]}`),
  ];
  const samples = { first: [], second: [] };
  for (let at = 0; at < seconds; at += 5) {
    await sleep(5000);
    samples.first.push(usage(first.pid));
    samples.second.push(usage(second.pid));
  }
  for (const status of await Promise.all(loads))
    expect(status === 0, `fio found every byte as it was written`);
  for (const [name, all] of Object.entries(samples)) {
    // Minute two, when everything is warm, against the last one; medians, since collections come and go.
    const kib = all.map((sample) => sample.kib);
    const early = median(kib.slice(12, 24));
    const late = median(kib.slice(-12));
    const mib = (count) => (count / 1024).toFixed(1);
    const minutes = all.filter((_, at) => at % 12 === 11);
    console.log(`       ${name}, by the minute: ${minutes.map((one) => mib(one.kib)).join(' ')}`);
    console.log(`       of its own: ${minutes.map((one) => mib(one.own)).join(' ')}`);
    expect(late <= early * 1.05, `${name}: ${mib(early)} MiB after a minute, ${mib(late)} MiB at the end`);
    const fds = all.map((sample) => sample.fds);
    expect(
      median(fds.slice(-12)) <= median(fds.slice(0, 12)),
      `${name}: ${fds.at(-1)} descriptors, no more than at first`,
    );
  }
  await tscrypt('close', 'first');
  await tscrypt('close', 'second');

  // Opened and closed.
  const image = await volume('third', 20 << 20);
  const before = leftovers();
  for (let cycle = 0; cycle < cycles; cycle++) {
    await open(image, 'third', cycle % 2 === 0 ? values.export : 'socket');
    await tscrypt('close', 'third');
  }
  // The supervisor ends a moment after the last device that it guarded.
  await sleep(5000);
  const after = leftovers();
  expect(after === before, `${cycles} opened and closed: ${before} before, ${after} after`);

  // The same within one process: the devices of one daemon.
  const dm = (kind, ...args) =>
    run(process.execPath, [join(root, 'bin/tsdmsetup.js'), ...args], {
      env: { ...env, TSCRYPT_EXPORT: kind },
    });
  await dm('socket', 'create', 'base', '--table', '0 2048 zero');
  const { pid } = JSON.parse((await tscrypt('status', '--json', 'base')).stdout);
  let early;
  for (let cycle = 0; cycle < cycles; cycle++) {
    await dm(
      cycle % 2 === 0 ? values.export : 'socket',
      'create',
      'upper',
      '--table',
      '0 2048 linear /dev/mapper/base 0',
    );
    await dm('socket', 'remove', 'upper');
    if (cycle === Math.floor(cycles / 10)) early = usage(pid);
  }
  const late = usage(pid);
  expect(
    late.fds === early.fds && late.rings === early.rings,
    `one daemon, ${cycles} devices: ${late.fds} descriptors, ${late.rings} rings`,
  );
  await dm('socket', 'remove', 'base');
} catch (error) {
  failures.push(String(error));
  console.error(error);
} finally {
  if (failures.length === 0) rmSync(work, { recursive: true });
  else console.error(`What there is to look at is in ${work}.`);
}
process.exitCode = failures.length === 0 ? 0 : 1;
