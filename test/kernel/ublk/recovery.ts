// Run in the guest: devices whose serving process is killed, replaced, or gone for good.
import assert from 'node:assert/strict';
import { chownSync, readdirSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryDevice } from '../../../src/block/index.ts';
import { ublkExporter } from '../../../src/export/ublk/index.ts';
import { markOf } from '../../../src/export/ublk/state.ts';
import { attachment } from './exports.ts';
import { codeOf, type Steps, shell } from './guest.ts';
import { Server } from './servers.ts';

const MIB = 1024 * 1024;
const IMAGE = '/dev/shm/image';
const REQUEST = { path: IMAGE, identifier: 'the same through all lives' };
const NO_NODES = "ls /dev | grep '^ublk[bc]' || true";

/** Copies a file over and over until it is told to end; each copy is on the disk before the next. */
const LOAD = `
  rm -f /run/stop; n=0
  until [ -e /run/stop ]; do n=$((n + 1)); dd if=/run/data of=/run/mnt/copy-$n bs=64k conv=fsync 2>/dev/null; [ $n -lt 60 ] || rm /run/mnt/copy-$((n - 59)); done
  echo $n`;

async function newImage(): Promise<void> {
  await writeFile(IMAGE, '');
  await truncate(IMAGE, 256 * MIB);
}

/** Mounts, and begins to write; what is returned ends that and checks that all is there. */
async function underLoad(node: string): Promise<() => Promise<void>> {
  await shell(
    `mkfs.ext4 -q ${node}; mkdir -p /run/mnt; mount ${node} /run/mnt; head -c 2500000 /dev/urandom >/run/data`,
  );
  const load = shell(LOAD);
  load.catch(() => {});
  return async () => {
    await shell('touch /run/stop');
    const copies = Number(await load);
    assert.ok(copies > 3, `${copies} copies`);
    await shell(`
      umount /run/mnt; fsck.ext4 -fn ${node} >/dev/null; mount ${node} /run/mnt
      for n in $(seq $((${copies} > 59 ? ${copies} - 58 : 1)) ${copies}); do cmp /run/data /run/mnt/copy-$n; done
      umount /run/mnt`);
  };
}

export const steps: Steps = {
  async 'takes over from a killed process, with a file system being written, again and again'() {
    await shell('modprobe ublk_drv');
    await newImage();
    // Two queues, which one thread has to take over.
    let server = await Server.start({ ...REQUEST, queues: 2 });
    const { node, state } = server;
    const verify = await underLoad(node);
    for (let life = 0; life < 6; life++) {
      await sleep(400 + 300 * life);
      await server.kill();
      server = await Server.start({ ...REQUEST, state });
      assert.equal(server.node, node);
    }
    await verify();
    await server.ask('detach');
    await server.ended();
    await shell(`fsck.ext4 -fn ${IMAGE} >/dev/null`);
    assert.equal(await shell(NO_NODES), '');
  },

  async 'is handed over to a successor, with a file system being written'() {
    await newImage();
    let server = await Server.start(REQUEST);
    const { node, state } = server;
    const verify = await underLoad(node);
    for (let life = 0; life < 4; life++) {
      await sleep(500);
      await server.ask('leave');
      await server.ended();
      server = await Server.start({ ...REQUEST, state, queues: 2 });
    }
    await verify();
    await server.ask('detach');
    await server.ended();
    await shell(`fsck.ext4 -fn ${IMAGE} >/dev/null`);
  },

  async 'is taken over with its users, and by nobody who is not meant'() {
    await newImage();
    const server = await Server.start(REQUEST);
    const { node, state } = server;
    await shell(`mkfs.ext4 -q ${node}; mount ${node} /run/mnt`);
    await server.kill();
    const other = { ...REQUEST, state: { ...state, mark: 1 } };
    assert.equal(await codeOf(Server.start(other)), 'NO_SUCH_DEVICE');
    const small = new MemoryDevice(MIB);
    assert.equal(
      await codeOf(Promise.resolve(ublkExporter.recover?.(small, state, attachment(small)))),
      'DEVICE_TOO_SMALL',
    );
    const successor = await Server.start({ ...REQUEST, state });
    assert.equal(await codeOf(successor.ask('detach')), 'DEVICE_BUSY');
    await shell('umount /run/mnt');
    await successor.ask('detach');
  },

  async 'is removed after its process died, whoever uses it, and then is not there'() {
    await newImage();
    const server = await Server.start(REQUEST);
    const { node, state } = server;
    await shell(`mkfs.ext4 -q ${node}; mount ${node} /run/mnt`);
    await server.kill();
    const waiting = shell('dd if=/dev/zero of=/run/mnt/file bs=4k count=1 conv=fsync 2>&1 || true');
    await ublkExporter.remove(state);
    assert.match(await waiting, /error/);
    await shell('umount /run/mnt');
    await ublkExporter.remove(state);
    assert.equal(await codeOf(Server.start({ ...REQUEST, state })), 'NO_SUCH_DEVICE');
  },

  async 'is not locked up by a process that is killed while partitions are looked for'() {
    await newImage();
    const server = await Server.startHanging({ ...REQUEST, hangs: 'read' });
    await server.kill();
    // Its number is not known yet, and it is the only one.
    const state = await lastState();
    const successor = await Server.start({ ...REQUEST, state });
    await shell(`dd if=${successor.node} of=/dev/null bs=4k count=1 iflag=direct`);
    await successor.ask('detach');
    assert.equal(await shell(NO_NODES), '');
  },

  async 'is made and removed by a user who is not root, where nodes are given to him'() {
    const user = 65534;
    await newImage();
    // What ublk's rules for udev do.
    await shell('chmod 666 /dev/ublk-control');
    const udev = setInterval(() => {
      for (const name of readdirSync('/dev').filter((entry) => /^ublk[bc]\d/.test(entry))) {
        chownSync(`/dev/${name}`, user, user);
      }
    }, 50);
    try {
      const server = await Server.start({ ...REQUEST, user });
      assert.equal(server.state.unprivileged, true);
      assert.equal(server.state.recoverable, false);
      await shell(
        `head -c 1M /dev/urandom >/run/data; dd if=/run/data of=${server.node} bs=64k oflag=direct; cmp -n 1048576 ${server.node} /run/data`,
      );
      await sleep(200);
      await server.ask('detach');
      await server.ended();
      assert.equal(await shell(NO_NODES), '');
    } finally {
      clearInterval(udev);
    }
  },

  async 'can be removed when its process was killed while it was detached'() {
    await newImage();
    const server = await Server.start({ ...REQUEST, hangs: 'flush' });
    const { state } = server;
    await server.askInVain('detach');
    const killed = server.kill();
    await ublkExporter.remove(state);
    await killed;
    assert.equal(await shell(`sleep 1; ${NO_NODES}`), '');
  },
};

/** The state of the one device there is. */
async function lastState(): Promise<Server['state']> {
  const id = Number((await shell('ls /dev')).match(/^ublkc(\d+)$/m)?.[1]);
  return {
    kind: 'ublk',
    node: `/dev/ublkb${id}`,
    id,
    mark: markOf(REQUEST.identifier),
    unprivileged: false,
    recoverable: true,
  };
}
