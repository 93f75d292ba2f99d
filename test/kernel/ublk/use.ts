// Run in the guest: one process that shows devices, and uses them through the nodes that the kernel makes.
import assert from 'node:assert/strict';
import { constants, readdirSync, readFileSync } from 'node:fs';
import { type FileHandle, open, truncate, writeFile } from 'node:fs/promises';
import { arena } from '../../../src/arena.ts';
import { type BlockDevice, FaultDevice, MemoryDevice, openFile } from '../../../src/block/index.ts';
import { createUblkExporter, ublkExporter } from '../../../src/export/ublk/index.ts';
import { exported, queuesHere, threadsFor } from './exports.ts';
import { codeOf, type Steps, shell } from './guest.ts';

const MIB = 1024 * 1024;
const NO_NODES = "ls /dev | grep '^ublk[bc]' || true";

/** Makes a file system, fills it, reads everything back past every cache, trims and checks it. */
async function useFileSystem(node: string): Promise<void> {
  await shell(`
    mkfs.ext4 -q ${node}
    mkdir -p /run/mnt; mount ${node} /run/mnt
    head -c 9000000 /dev/urandom >/run/data; cp /run/data /run/mnt/a
    for n in $(seq 40); do echo $n >/run/mnt/small-$n; done
    rm /run/mnt/small-1*
    umount /run/mnt; mount ${node} /run/mnt
    echo 3 >/proc/sys/vm/drop_caches
    cmp /run/data /run/mnt/a; [ "$(cat /run/mnt/small-2)" = 2 ]
    rm /run/mnt/a; fstrim /run/mnt
    umount /run/mnt; fsck.ext4 -fn ${node} >/dev/null`);
}

/** Page-aligned memory, for direct I/O. */
function aligned(length: number, fill = 0): Buffer {
  const bytes = arena()?.take(length);
  if (!bytes) throw new Error('the arena is full');
  return bytes.fill(fill);
}

function openDirect(node: string, flags = 0): Promise<FileHandle> {
  return open(node, constants.O_RDWR | constants.O_DIRECT | flags);
}

/** A device of which some members are others. */
function changed(device: BlockDevice, members: Partial<BlockDevice>): BlockDevice {
  return new Proxy(device, {
    get(target, name) {
      const value = Reflect.get(name in members ? members : target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

export const steps: Steps = {
  async 'says how to get it, before the driver is loaded'() {
    const { usable, remedy } = await ublkExporter.availability();
    assert.equal(usable, false);
    assert.match(remedy ?? '', /modprobe ublk_drv/);
    await shell('modprobe ublk_drv');
    const now = await ublkExporter.availability();
    assert.equal(now.usable, true);
    for (const ability of ['recovery', 'multi-queue']) assert.ok(now.abilities?.includes(ability), ability);
  },

  async 'shows memory in 512-byte blocks, as a file system needs it'() {
    const made = await exported(new MemoryDevice(64 * MIB));
    const { major, minor } = made.numbers ?? { major: -1, minor: -1 };
    const said = await shell(`stat -c '%Hr:%Lr' ${made.node}; blockdev --getsize64 --getss ${made.node}`);
    assert.deepEqual(said.split('\n'), [`${major}:${minor}`, String(64 * MIB), '512']);
    await useFileSystem(made.node);
    const counters = await made.counters();
    for (const name of ['reads', 'readBytes', 'writes', 'writtenBytes', 'flushes', 'others'] as const) {
      assert.ok(counters[name] > 0, name);
    }
    assert.equal(counters.errors, 0);
    await made.detach();
    await made.ended;
    assert.equal(await shell(NO_NODES), '');
  },

  async 'shows a file in 4096-byte blocks, by two queues in two threads'() {
    const path = '/dev/shm/image';
    await writeFile(path, '');
    await truncate(path, 64 * MIB);
    const device = await openFile(path);
    const queues = threadsFor(path, 2);
    const inBlocks = changed(device, {
      limits: { ...device.limits, logicalBlockSize: 4096, physicalBlockSize: 4096 },
    });
    const made = await exported(inBlocks, { queues });
    assert.equal(made.queues, 2);
    assert.equal(
      await shell(`blockdev --getss ${made.node}; ls /sys/block/${made.node.slice(5)}/mq`),
      '4096\n0\n1',
    );
    // Each processor has its queue.
    await shell(
      `for cpu in 0 1; do taskset -c $cpu dd if=${made.node} of=/dev/null bs=4k count=8 iflag=direct; done`,
    );
    await useFileSystem(made.node);
    assert.ok((await made.counters()).writtenBytes > 9_000_000);
    await made.detach();
    await queues.end();
    await shell(`fsck.ext4 -fn ${path}`);
    await device.close();
  },

  async 'serves two queues in one thread'() {
    const device = new MemoryDevice(16 * MIB, { logicalBlockSize: 4096 });
    const made = await exported(device, { queues: queuesHere(device, 2) });
    assert.equal(made.queues, 2);
    await shell(`for cpu in 0 1; do
      taskset -c $cpu dd if=/dev/urandom of=/run/part-$cpu bs=1M count=8
      taskset -c $cpu dd if=/run/part-$cpu of=${made.node} bs=64k seek=$((cpu * 128)) oflag=direct conv=notrunc & done; wait`);
    await made.detach();
    await writeFile('/run/whole', device.content);
    await shell('cat /run/part-0 /run/part-1 | cmp - /run/whole');
  },

  async 'tells the kernel what the device is like'() {
    const limits = {
      ...new MemoryDevice(0).limits,
      physicalBlockSize: 4096,
      ioMin: 65536,
      ioOpt: 3 * 65536,
      maxIoSize: 68 * 1024 + 512,
    };
    const device = changed(new MemoryDevice(8 * MIB), { limits: { ...limits, discardGranularity: 8192 } });
    const made = await exported(device);
    const queue = `/sys/block/${made.node.slice(5)}/queue`;
    const names = [
      'logical_block_size',
      'physical_block_size',
      'minimum_io_size',
      'max_hw_sectors_kb',
      'discard_granularity',
      'write_cache',
      'fua',
    ];
    const said = await shell(`cd ${queue}; cat ${names.join(' ')}`);
    assert.deepEqual(said.split('\n'), ['512', '4096', '65536', '68', '8192', 'write back', '1']);
    await shell(
      `dd if=/dev/urandom of=${made.node} bs=1M count=8 oflag=direct; blkdiscard -z -o 1M -l 2M ${made.node}; cmp -n 2097152 -i 1048576:0 ${made.node} /dev/zero`,
    );
    await made.detach();
    const plain = await exported(
      changed(new MemoryDevice(8 * MIB), {
        features: { discard: false, fastZeroes: false, multiConnection: true },
      }),
    );
    assert.equal(
      await shell(
        `cat /sys/block/${plain.node.slice(5)}/queue/discard_max_bytes; blkdiscard ${plain.node} 2>/dev/null || echo refused`,
      ),
      '0\nrefused',
    );
    await shell(
      `dd if=/dev/urandom of=${plain.node} bs=1M count=8 oflag=direct; blkdiscard -z ${plain.node}; cmp -n 8388608 ${plain.node} /dev/zero`,
    );
    await plain.detach();
    const large = changed(new MemoryDevice(8 * MIB), { limits: { ...limits, logicalBlockSize: 8192 } });
    assert.equal(await codeOf(exported(large)), 'NOT_SUPPORTED');
    assert.equal(
      await codeOf(exported(changed(large, { limits: { ...limits, maxIoSize: 512 } }))),
      'NOT_SUPPORTED',
    );
  },

  async 'is read-only when it is to be'() {
    const device = new MemoryDevice(16 * MIB);
    const first = await exported(device);
    await shell(`mkfs.ext4 -q ${first.node}`);
    await first.detach();
    const content = Buffer.from(device.content);
    const made = await exported(device, { readOnly: true });
    assert.equal(
      await shell(
        `blockdev --getro ${made.node}; mount -o ro ${made.node} /run/mnt; ls /run/mnt; umount /run/mnt`,
      ),
      '1\nlost+found',
    );
    assert.equal(
      await codeOf(open(made.node, 'r+').then(async (file) => file.write('x').finally(() => file.close()))),
      'EPERM',
    );
    assert.equal(await made.inUse(), false);
    await made.detach();
    assert.ok(content.equals(device.content));
  },

  async 'passes errors through, to the request that met them'() {
    const device = await FaultDevice.over(new MemoryDevice(16 * MIB));
    const made = await exported(device);
    const file = await openDirect(made.node);
    const block = aligned(4096, 0xa5);
    const codes = ['EIO', 'EILSEQ', 'ENODATA', 'ENOSPC'];
    for (const [index, errno] of codes.entries()) {
      const offset = (index + 1) * MIB;
      device.fail({ kind: 'read', offset, length: 4096, errno, times: Number.POSITIVE_INFINITY });
      device.fail({ kind: 'write', offset, length: 4096, errno, times: Number.POSITIVE_INFINITY });
      assert.equal(await codeOf(file.read(block, 0, 4096, offset)), errno);
      assert.equal(await codeOf(file.write(block, 0, 4096, offset)), errno);
      assert.equal((await file.read(block, 0, 4096, offset + 4096)).bytesRead, 4096);
    }
    device.fail({ kind: 'flush', errno: 'EIO' });
    assert.equal(await codeOf(file.datasync()), 'EIO');
    assert.equal(await codeOf(file.datasync()), 'none');
    await file.close();
    assert.equal((await made.counters()).errors, 2 * codes.length + 1);
    await made.detach();
  },

  async 'passes flushes, FUA, discards and zeroes on, in order'() {
    const device = await FaultDevice.over(new MemoryDevice(16 * MIB));
    const made = await exported(device);
    const block = aligned(4096, 0x5a);
    const file = await openDirect(made.node);
    await file.write(block, 0, 4096, MIB);
    await file.datasync();
    await file.write(block, 0, 4096, 2 * MIB);
    await file.close();
    const stable = await openDirect(made.node, constants.O_DSYNC);
    await stable.write(block, 0, 4096, 3 * MIB);
    await stable.close();
    await shell(`blkdiscard -o 4M -l 64k ${made.node}; blkdiscard -z -o 5M -l 64k ${made.node}`);
    const log = device.log.map((entry) =>
      entry.kind === 'flush' ? 'flush' : `${entry.kind} ${entry.offset / MIB}${entry.fua ? ' fua' : ''}`,
    );
    assert.deepEqual(log.slice(0, 4), ['write 1', 'flush', 'write 2', 'write 3 fua']);
    assert.deepEqual(
      log.slice(4).filter((entry) => entry !== 'flush'),
      ['discard 4', 'writeZeroes 5'],
    );
    await made.detach();
    assert.equal(device.log.at(-1)?.kind, 'flush');
  },

  async 'stays while somebody uses it'() {
    const device = new MemoryDevice(32 * MIB);
    const made = await exported(device);
    await shell(`mkfs.ext4 -q ${made.node}`);
    assert.equal(await made.inUse(), false);
    const users: [string, string, RegExp][] = [
      [`mount ${made.node} /run/mnt`, 'umount /run/mnt', /mounted on \/run\/mnt/],
      [`losetup /dev/loop0 ${made.node}`, 'losetup -d /dev/loop0', /used by loop0/],
      [`dmsetup create above --table "0 2048 linear ${made.node} 0"`, 'dmsetup remove above', /used by dm-0/],
      [
        `(exec 3<${made.node}; exec sleep 1000) >/dev/null 2>&1 & echo $! >/run/holder; sleep 1`,
        'kill $(cat /run/holder); sleep 1',
        /open in sleep/,
      ],
    ];
    for (const [use, release, said] of users) {
      await shell(use);
      assert.equal(await made.inUse(), true, use);
      const error = await made.detach().then(
        () => new Error('detached'),
        (reason: Error & { code?: string }) => reason,
      );
      assert.equal((error as { code?: string }).code, 'DEVICE_BUSY', use);
      assert.match(error.message, said);
      await shell(release);
      assert.equal(await made.inUse(), false, release);
    }
    await useFileSystem(made.node);
    await made.detach();
  },

  async 'has what was written without a sync, after it was detached'() {
    const device = new MemoryDevice(16 * MIB);
    const made = await exported(device);
    await shell(`dd if=/dev/urandom of=/run/data bs=1M count=16; dd if=/run/data of=${made.node} bs=1M`);
    await made.detach();
    await writeFile('/run/whole', device.content);
    await shell('cmp /run/data /run/whole');
  },

  async 'goes in spite of its users when it is forced to'() {
    const made = await exported(new MemoryDevice(32 * MIB));
    await shell(`mkfs.ext4 -q ${made.node}; mount ${made.node} /run/mnt`);
    await made.detach({ force: true });
    await made.ended;
    assert.equal(
      await shell(`dd if=/dev/zero of=/run/mnt/file bs=4k count=1 conv=fsync 2>/dev/null || echo failed`),
      'failed',
    );
    await shell('umount /run/mnt');
    assert.equal(
      await shell(
        `for n in $(seq 50); do ls /dev | grep -q '^ublk[bc]' || break; sleep 0.1; done; ${NO_NODES}`,
      ),
      '',
    );
  },

  async 'does not wait for a suspended device'() {
    const device = changed(new MemoryDevice(16 * MIB), {
      suspended: true,
      flush: () => new Promise(() => {}),
    });
    const made = await exported(device);
    await made.detach();
    assert.equal(await shell(NO_NODES), '');
  },

  async 'has partitions, and stays while one is used'() {
    const device = new MemoryDevice(32 * MIB);
    const table = Buffer.from(device.content.buffer, 0, 512);
    // One entry (type 0x83) of an MBR: 16 MiB from sector 2048 on.
    table.set([0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0x80, 0, 0], 446);
    table.set([0x55, 0xaa], 510);
    const made = await exported(device);
    assert.equal(await shell(`blockdev --getsize64 ${made.node}p1`), String(16 * MIB));
    await shell(`mkfs.ext4 -q ${made.node}p1; mount ${made.node}p1 /run/mnt`);
    const error = await made.detach().then(
      () => new Error('detached'),
      (reason: Error) => reason,
    );
    assert.match(error.message, /mounted on \/run\/mnt/);
    await shell('umount /run/mnt');
    await made.detach();
    assert.equal(await shell(NO_NODES), '');
  },

  async 'says that its size cannot be changed, or changes it'() {
    const made = await exported(changed(new MemoryDevice(16 * MIB), { size: 8 * MIB }));
    const code = await codeOf(made.resize(16 * MIB));
    const can = (await ublkExporter.availability()).abilities?.includes('resize');
    assert.equal(code, can ? 'none' : 'NOT_SUPPORTED');
    assert.equal(await shell(`blockdev --getsize64 ${made.node}`), String((can ? 16 : 8) * MIB));
    await made.detach();
  },

  async 'is removed from outside, and nothing else with that number is'() {
    const made = await exported(new MemoryDevice(16 * MIB));
    await ublkExporter.remove({ ...made.state, mark: 1 });
    await shell(`dd if=${made.node} of=/dev/null bs=4k count=1 iflag=direct`);
    await ublkExporter.remove(made.state);
    await made.ended;
    await ublkExporter.remove(made.state);
    await made.detach();
    assert.equal(await shell(NO_NODES), '');
  },

  async 'leaves nothing behind when it cannot be attached'() {
    const device = new MemoryDevice(16 * MIB);
    const queues = queuesHere(device, 2);
    const failing = {
      ...queues,
      start: (index: number, ...rest: [never, never]) =>
        index === 1 ? Promise.reject(new Error('no second queue')) : queues.start(index, ...rest),
    };
    await assert.rejects(exported(device, { queues: failing }), /no second queue/);
    assert.equal(await shell(NO_NODES), '');
  },

  async 'speaks as older kernels understand it'() {
    const made = await exported(new MemoryDevice(64 * MIB), {
      exporter: createUblkExporter({ legacy: true }),
    });
    await useFileSystem(made.node);
    await made.detach();
    assert.equal(await shell(NO_NODES), '');
  },

  async 'keeps no descriptor, mapping or memory of a hundred devices'() {
    const held = (): number[] => [
      readdirSync('/proc/self/fd').length,
      readFileSync('/proc/self/maps', 'latin1').match(/io_uring|ublk/g)?.length ?? 0,
    ];
    const device = new MemoryDevice(MIB);
    const before = held();
    for (let cycle = 0; cycle < 100; cycle++) {
      const made = await exported(device);
      // Without force a process is started each time, which is slow here.
      await made.detach({ force: cycle % 20 !== 0 });
    }
    assert.deepEqual(held(), before);
    // The arena has as much room as before: all of its largest blocks, or it would be full long since.
    assert.ok(arena()?.take(32 * MIB));
    assert.equal(await shell(NO_NODES), '');
  },
};
