import { closeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlockDevice, formatNbdUri } from '../../src/block/index.ts';
import {
  type NbdConnectionParameters,
  NbdServer,
  type NbdServerOptions,
  serveNbdConnection,
} from '../../src/export/nbd/index.ts';
import type { QueueThreads } from '../../src/export/queue-threads.ts';
import { ffiAvailable, libc } from '../../src/sys/index.ts';

/** The ways in which a connection is served: all of them have to do everything. */
export const WAYS: [way: string, options: Pick<NbdServerOptions, 'descriptors' | 'queues'>][] = [
  ['over streams', { descriptors: false }],
  ...(ffiAvailable()
    ? ([
        ['over the descriptor', {}],
        ['by several jobs', { queues: ({ device }) => jobsHere(device, 3) }],
      ] satisfies typeof WAYS)
    : []),
];

const F_DUPFD_CLOEXEC = 1030;

/** Several jobs in this thread, which take turns as several threads do, on a device that is no copy. */
function jobsHere(device: BlockDevice, count: number): QueueThreads {
  return {
    count,
    async start(_index, _job, parameters) {
      const { fd, ...rest } = parameters as NbdConnectionParameters;
      // An event loop watches a descriptor once only.
      const own = libc()?.fcntlInt(fd, F_DUPFD_CLOEXEC, 0) as number;
      const run = await serveNbdConnection(device, { ...rest, fd: own });
      run.ended.catch(() => {}).finally(() => closeSync(own));
      return run;
    },
  };
}

/** A server on a unix socket in a directory of its own. */
export interface NbdFixture {
  readonly server: NbdServer;
  readonly directory: string;
  readonly socket: string;
  readonly address: { readonly path: string };
  uri(exportName?: string): string;
  cleanup(): Promise<void>;
}

/** Serves `device` as `disk`. */
export async function serveOnUnixSocket(
  device: BlockDevice,
  options: Omit<NbdServerOptions, 'exports'> & {
    readonly readOnly?: boolean;
    readonly description?: string;
  } = {},
): Promise<NbdFixture> {
  const { readOnly, description, ...serverOptions } = options;
  const directory = await mkdtemp(join(tmpdir(), 'tscrypt-nbd-'));
  const socket = join(directory, 'nbd.sock');
  const server = new NbdServer({
    ...serverOptions,
    exports: [
      {
        name: 'disk',
        device,
        ...(readOnly !== undefined && { readOnly }),
        ...(description !== undefined && { description }),
      },
    ],
  });
  await server.listenUnix(socket);
  return {
    server,
    directory,
    socket,
    address: { path: socket },
    uri: (exportName = 'disk') => formatNbdUri({ tls: false, address: { socket }, exportName }),
    async cleanup() {
      await server.close();
      await device.close();
      await rm(directory, { recursive: true });
    },
  };
}
