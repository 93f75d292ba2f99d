import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { connectNbd, formatNbdUri, listNbdExports } from '../../src/block/index.ts';
import { type BlockDeviceFactory, blockDeviceSuite, codeOf, pattern } from '../suites/block-device.ts';
import { requires } from '../suites/requires.ts';

/** Our client against other people's NBD servers. */
const SIZE = '2M';

interface Started {
  readonly uri: string;
  /** Ends the server; with SIGKILL, as a crash would. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

async function start(
  command: string,
  options: (socket: string, directory: string) => string[],
): Promise<Started> {
  const directory = await mkdtemp(join(tmpdir(), 'tscrypt-interop-'));
  const socket = join(directory, 's');
  const child: ChildProcess = spawn(command, options(socket, directory), { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (!(await listens(socket))) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    await sleep(5);
  }
  return {
    uri: formatNbdUri({ tls: false, address: { socket }, exportName: '' }),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await ended;
      await rm(directory, { recursive: true });
    },
  };
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

function served(make: () => Promise<Started>): BlockDeviceFactory {
  let server: Started;
  return {
    async create() {
      server = await make();
      return connectNbd(server.uri);
    },
    reopen: ({ readOnly }) => connectNbd(server.uri, { readOnly }),
    cleanup: () => server.stop(),
  };
}

const nbdkit = (...options: string[]): (() => Promise<Started>) => {
  return () => start('nbdkit', (socket) => ['--foreground', '--exit-with-parent', '-U', socket, ...options]);
};

describe.skipIf(!requires('nbdkit'))('nbdkit', () => {
  blockDeviceSuite('memory of nbdkit', served(nbdkit('memory', SIZE)));
  blockDeviceSuite('memory of nbdkit without structured replies', served(nbdkit('--no-sr', 'memory', SIZE)));
  blockDeviceSuite(
    'memory of nbdkit without zeroes and FUA',
    served(nbdkit('--filter=nozero', '--filter=fua', 'memory', SIZE, 'fuamode=emulate')),
  );
  blockDeviceSuite(
    'memory of nbdkit with 4096-byte blocks',
    served(
      nbdkit(
        '--filter=blocksize-policy',
        'memory',
        SIZE,
        'blocksize-minimum=4096',
        'blocksize-preferred=4096',
        'blocksize-maximum=65536',
        'blocksize-error-policy=error',
      ),
    ),
  );

  it('fails what nbdkit fails', async () => {
    const server = await nbdkit('--filter=error', 'memory', SIZE, 'error=ENOSPC', 'error-pwrite-rate=100%')();
    const device = await connectNbd(server.uri);
    expect(await codeOf(() => device.write(0, pattern(512, 1)))).toBe('NO_SPACE');
    expect(await codeOf(() => device.read(0, new Uint8Array(512)))).toBeUndefined();
    await device.close();
    await server.stop();
  });

  it('loses every request under way when nbdkit dies', async () => {
    const server = await nbdkit('--filter=delay', 'memory', SIZE, 'rdelay=60')();
    const device = await connectNbd(server.uri);
    const codes = Array.from({ length: 16 }, (_, index) =>
      codeOf(() => device.read(index * 512, new Uint8Array(512))),
    );
    await server.stop('SIGKILL');
    expect(new Set(await Promise.all(codes))).toEqual(new Set(['CONNECTION_LOST']));
    await device.close();
  });
});

describe.skipIf(!requires('qemu-nbd'))('qemu-nbd', () => {
  blockDeviceSuite(
    'a raw image of qemu-nbd',
    served(() =>
      start('sh', (socket, directory) => [
        '-c',
        'truncate -s 2M "$1" && exec qemu-nbd --persistent --shared=0 --discard=unmap -f raw -x "" -k "$0" "$1"',
        socket,
        join(directory, 'image'),
      ]),
    ),
  );

  it('tells where an image is allocated, and its exports', async () => {
    const server = await start('sh', (socket, directory) => [
      '-c',
      'truncate -s 2M "$1" && dd if=/dev/urandom of="$1" bs=64k count=1 conv=notrunc status=none && exec qemu-nbd --persistent -r -f raw -x "" -D "an image" -k "$0" "$1"',
      socket,
      join(directory, 'image'),
    ]);
    expect(await listNbdExports(server.uri)).toEqual([{ name: '', description: 'an image' }]);
    const device = await connectNbd(server.uri);
    expect(device.readOnly).toBe(true);
    const extents = await device.extents!(0, device.size);
    expect(extents[0]).toMatchObject({ hole: false, zero: false });
    expect(extents.at(-1)).toMatchObject({ hole: true, zero: true });
    expect(extents.reduce((sum, { length }) => sum + length, 0)).toBe(device.size);
    await device.close();
    await server.stop();
  });
});
