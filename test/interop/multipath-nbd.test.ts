import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { type BlockDevice, connectNbd, formatNbdUri, openDevice } from '../../src/block/index.ts';
import { formatStatusLine, MappedDevice } from '../../src/dm/index.ts';
import { parseTable } from '../../src/table/index.ts';
import { codeOf, expectBytes, pattern } from '../suites/block-device.ts';
import { type NbdFixture, serveOnUnixSocket } from '../suites/nbd-fixture.ts';
import { requires } from '../suites/requires.ts';
import { workspace } from '../suites/tools.ts';

/**
 * Fail-over as it is meant: two servers of other people's over one image, a multipath device over both, and fio
 * as its client, which verifies everything, while servers die and come back.
 */
const run = promisify(execFile);
const space = workspace();
const SIZE = 48 * 1024 * 1024;
/** Seconds that writing takes fio at least: longer than a path that failed is left alone. */
const WRITING = 12;

/** How a server of each kind is started; qemu's lock on the image is for one only. */
const SERVERS: Readonly<Record<string, (socket: string, image: string) => string[]>> = {
  nbdkit: (socket, image) => ['--foreground', '--exit-with-parent', '-U', socket, 'file', image],
  'qemu-nbd': (socket, image) => [
    ...['--persistent', '--shared=0', '--cache=writeback', '-x', '', '-k', socket, '--image-opts'],
    `driver=raw,file.driver=file,file.filename=${image},file.locking=off`,
  ],
};

/** A server that can be killed and started again where it was. */
class Server {
  readonly uri: string;
  readonly #command: string;
  readonly #image: string;
  readonly #socket: string;
  #child: ChildProcess | undefined;

  constructor(command: string, image: string, socket: string) {
    this.uri = formatNbdUri({ tls: false, address: { socket }, exportName: '' });
    this.#command = command;
    this.#image = image;
    this.#socket = socket;
  }

  async start(): Promise<void> {
    await rm(this.#socket, { force: true });
    const args = SERVERS[this.#command]!(this.#socket, this.#image);
    const child = spawn(this.#command, args, { stdio: 'ignore' });
    this.#child = child;
    while (!(await listens(this.#socket))) {
      if (child.exitCode !== null) throw new Error(`${this.#command} ended with ${child.exitCode}`);
      await sleep(5);
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

/** The file is there before anyone listens. */
function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    probe.once('error', () => resolve(false));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
}

interface Setup {
  readonly image: string;
  readonly servers: readonly [Server, Server];
  readonly device: MappedDevice;
  readonly fixture: NbdFixture;
  /** Writes that each server's openings have completed. */
  readonly written: readonly [number, number];
  /** `A` or `F` of each path. */
  states(): string;
  end(): Promise<void>;
}

let setups = 0;
const running: Setup[] = [];
afterEach(async () => {
  for (const setup of running.splice(0)) await setup.end();
});

/** @param features of the table line, with their count */
async function setUp(command: string, features: string): Promise<Setup> {
  const directory = space.file(`${setups++}`);
  await mkdir(directory);
  const image = join(directory, 'image');
  const file = await open(image, 'w');
  await file.truncate(SIZE);
  await file.close();
  const servers = [0, 1].map((number) => new Server(command, image, join(directory, `${number}`)));
  const [first, second] = servers as [Server, Server];
  const written: [number, number] = [0, 0];
  for (const server of servers) await server.start();
  const device = await MappedDevice.create({
    name: 'multipath',
    table: parseTable(
      `0 ${SIZE / 512} multipath ${features} 0 1 1 queue-length 0 2 1 ${first.uri} 1 ${second.uri} 1`,
    ),
    openDevice: async (name, options) => {
      const opened = await openDevice(name, options);
      return counting(opened, () => written[name === first.uri ? 0 : 1]++);
    },
  });
  const fixture = await serveOnUnixSocket(device);
  const setup: Setup = {
    image,
    servers: [first, second],
    device,
    fixture,
    written,
    states: () => {
      const line = formatStatusLine(device.status()[0]!);
      return servers.map(({ uri }) => line.split(`${uri} `)[1]?.charAt(0)).join('');
    },
    async end() {
      await device.message(0, ['fail_if_no_path']);
      await fixture.cleanup().catch(() => {});
      for (const server of servers) await server.kill();
    },
  };
  running.push(setup);
  return setup;
}

/** The device, counting the writes that it completes. */
function counting(device: BlockDevice, count: () => void): BlockDevice {
  const { write } = device;
  device.write = async (...args) => {
    await write.apply(device, args);
    count();
  };
  return device;
}

/** fio over our own server. It leaves the state of its verification where it is started. */
function fio({ fixture }: Setup): { readonly done: Promise<unknown>; readonly over: () => boolean } {
  let over = false;
  const done = run(
    'fio',
    [
      '--name=failover',
      '--ioengine=nbd',
      `--uri=${fixture.uri()}`,
      '--rw=randwrite',
      '--bs=16k',
      '--iodepth=16',
      `--size=${SIZE}`,
      `--rate_iops=${SIZE / 16384 / WRITING}`,
      '--fsync=100',
      '--randrepeat=1',
      '--verify=crc32c',
      '--verify_fatal=1',
    ],
    { cwd: fixture.directory, timeout: 150_000 },
  ).finally(() => {
    over = true;
  });
  return { done, over: () => over };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

describe.each(['nbdkit', 'qemu-nbd'])('two servers by %s', (command) => {
  describe.skipIf(!requires(command, 'fio'))('over one image', () => {
    it('die and come back one at a time, and both, while fio works', async () => {
      const setup = await setUp(command, '1 queue_if_no_path');
      const { servers, written, device } = setup;
      const work = fio(setup);
      const more = async (which: 0 | 1): Promise<void> => {
        const before = written[which];
        await Promise.race([until(() => written[which] >= before + 50), work.done]);
        expect(work.over()).toBe(false);
      };

      await more(0);
      await more(1);
      await servers[0].kill();
      // The other one has all of it now.
      await until(() => setup.states() === 'FA');
      await more(1);
      expect(setup.states()).toBe('FA');
      await servers[0].start();
      await until(() => setup.states() === 'AA');
      await more(0);

      await servers[1].kill();
      await until(() => setup.states() === 'AF');
      await servers[0].kill();
      await until(() => setup.states() === 'FF');
      // Nothing can be written, and nobody is told so.
      const stopped = [...written];
      await sleep(200);
      expect([...written]).toEqual(stopped);
      expect(work.over()).toBe(false);
      await servers[1].start();
      await until(() => setup.states() === 'FA');
      await more(1);

      await servers[0].start();
      await work.done;
      await until(() => setup.states() === 'AA');
      // One was killed twice, the other once; each time there are two events.
      expect(device.info.eventNumber).toBe(6);

      const content = new Uint8Array(SIZE);
      await device.read(0, content);
      expectBytes(await readFile(setup.image), content);
      expect(content.some((byte) => byte !== 0)).toBe(true);
    }, 240_000);

    it('are held out for: requests wait, and are served when one is back', async () => {
      const setup = await setUp(command, '1 queue_if_no_path');
      const client = await connectNbd(setup.fixture.uri());
      for (const server of setup.servers) await server.kill();
      const data = pattern(1024 * 1024, 3);
      const back = new Uint8Array(data.length);
      let settled = 0;
      const work = [client.write(SIZE / 2, data), client.read(0, new Uint8Array(4096)), client.flush()].map(
        async (done) => {
          await done;
          settled++;
        },
      );
      await until(() => setup.states() === 'FF');
      await sleep(100);
      expect(settled).toBe(0);
      await setup.servers[1].start();
      await Promise.all(work);
      await client.read(SIZE / 2, back);
      expectBytes(back, data);
      expect(setup.states()).toBe('FA');
      await client.close();
    }, 60_000);

    it('are an error when both are gone and nothing may be queued', async () => {
      const setup = await setUp(command, '0');
      const client = await connectNbd(setup.fixture.uri());
      const data = pattern(64 * 1024, 4);
      await client.write(0, data, { fua: true });
      for (const server of setup.servers) await server.kill();
      for (const request of [
        () => client.read(0, new Uint8Array(4096)),
        () => client.write(0, new Uint8Array(4096)),
        () => client.writeZeroes(0, 4096),
        () => client.flush(),
      ]) {
        expect(await codeOf(request)).toBe('IO_ERROR');
      }
      expect(setup.states()).toBe('FF');
      await setup.servers[0].start();
      await until(() => setup.states() === 'AF');
      const back = new Uint8Array(data.length);
      await client.read(0, back);
      expectBytes(back, data);
      await client.close();
    }, 60_000);
  });
});
