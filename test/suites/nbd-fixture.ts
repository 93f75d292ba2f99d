import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlockDevice, formatNbdUri } from '../../src/block/index.ts';
import { NbdServer, type NbdServerOptions } from '../../src/export/nbd/index.ts';

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
