// Our block devices beside the kernel's own, on one machine in one interleaved run: dm-crypt over a loop device, ublk and
// the kernel's NBD client over ours, all with the same cipher on files in /dev/shm. As root; needs cryptsetup, fio and
// the modules ublk_drv and nbd (what is missing is left out).
//
//   node bench/block-devices.mjs [--rounds 5] [--seconds 2] [--size MIB]
//
// Prints medians as ratios to dm-crypt, and to the plain loop device below it.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    size: { type: 'string', default: '128' },
  },
});
const size = Number(values.size) << 20;
const work = mkdtempSync('/dev/shm/block-devices-');
const env = {
  ...process.env,
  TSCRYPT_RUNTIME_DIR: join(work, 'run'),
  PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
};
delete env.NODE_EXTRA_CA_CERTS;
const key = join(work, 'key');
writeFileSync(key, 'correct horse battery staple');
const bin = fileURLToPath(new URL('../bin/tscrypt.js', import.meta.url));

const run = (command, ...args) => execFileSync(command, args, { env, encoding: 'utf8' });
const tscrypt = (...args) => run(process.execPath, bin, ...args);

function image(name, bytes) {
  const path = join(work, name);
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

/** A LUKS2 volume with room for the content. */
function volume(name) {
  const path = image(name, size + (16 << 20));
  tscrypt(
    ...['luksFormat', '-q', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--key-file', key, path],
  );
  return path;
}

const DEVICES = {
  loop: {
    title: 'loop, plaintext',
    open: () => run('losetup', '--find', '--show', image('plain', size)).trim(),
    close: (node) => run('losetup', '-d', node),
  },
  dm: {
    title: 'dm-crypt on loop',
    open: () => {
      run('cryptsetup', 'open', '--key-file', key, volume('kernel'), 'bench-kernel');
      return '/dev/mapper/bench-kernel';
    },
    close: () => run('cryptsetup', 'close', 'bench-kernel'),
  },
  ublk: ours('ublk', '/dev/ublk-control'),
  nbd: ours('nbd', '/dev/nbd0'),
};

function ours(kind, needed) {
  const name = `bench-${kind}`;
  return {
    title: `tscrypt, ${kind}`,
    needed,
    open: () =>
      JSON.parse(tscrypt('open', '--json', '--export', kind, '--key-file', key, volume(kind), name)).export
        .node,
    close: () => tscrypt('close', name),
  };
}

const WORKLOADS = [
  { title: '4 KiB random read, QD 1', rw: 'randread', bs: '4k', depth: 1 },
  { title: '4 KiB random read, QD 32', rw: 'randread', bs: '4k', depth: 32 },
  { title: '4 KiB random write, QD 32', rw: 'randwrite', bs: '4k', depth: 32 },
  { title: '128 KiB sequential read, QD 8', rw: 'read', bs: '128k', depth: 8 },
  { title: '128 KiB sequential write, QD 8', rw: 'write', bs: '128k', depth: 8 },
];

function measure(node, { rw, bs, depth }) {
  const { stdout, status, stderr } = spawnSync(
    'fio',
    [
      ...['--name=bench', '--output-format=json', '--ioengine=libaio', '--direct=1', `--filename=${node}`],
      ...[`--rw=${rw}`, `--bs=${bs}`, `--iodepth=${depth}`, '--time_based', `--runtime=${values.seconds}`],
    ],
    { env, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  const [job] = JSON.parse(stdout.slice(stdout.indexOf('{'))).jobs;
  return job.read.iops + job.write.iops;
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const opened = [];
try {
  for (const [name, device] of Object.entries(DEVICES)) {
    if (device.needed && !existsSync(device.needed)) continue;
    const node = device.open();
    opened.push({ name, node, ...device });
    run('dd', 'if=/dev/zero', `of=${node}`, 'bs=1M', `count=${values.size}`, 'oflag=direct', 'status=none');
  }
  console.log(
    `requests a second; ratio to dm-crypt / to the loop device; medians of ${values.rounds} rounds\n`,
  );
  console.log(`${''.padEnd(32)}${opened.map(({ title }) => title.padEnd(26)).join('')}`.trimEnd());
  for (const workload of WORKLOADS) {
    const rates = opened.map(() => []);
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [at, { node }] of opened.entries()) rates[at].push(measure(node, workload));
    const medians = rates.map(median);
    const of = (name) => medians[opened.findIndex((one) => one.name === name)];
    const cells = medians.map((rate) =>
      `${Math.round(rate)} ${(rate / of('dm')).toFixed(2)} / ${(rate / of('loop')).toFixed(2)}`.padEnd(26),
    );
    console.log(`${workload.title.padEnd(32)}${cells.join('')}`.trimEnd());
  }
} finally {
  for (const { node, close } of opened.reverse()) close(node);
  rmSync(work, { recursive: true, force: true });
}
