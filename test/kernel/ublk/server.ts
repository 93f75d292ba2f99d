// A process that serves a file as a ublk device, for those who start it (servers.ts) and may kill it.
import { type BlockDevice, openFile } from '../../../src/block/index.ts';
import type { KernelExport, KernelExportState } from '../../../src/export/kernel-export.ts';
import { ublkExporter } from '../../../src/export/ublk/index.ts';
import { ffiAvailable } from '../../../src/sys/index.ts';
import { attachment, exported, queuesHere } from './exports.ts';

export interface ServerRequest {
  readonly path: string;
  readonly identifier: string;
  /** To be taken over. Without it a device is made. */
  readonly state?: KernelExportState;
  /** Requests of this kind are never answered. */
  readonly hangs?: 'read' | 'flush';
  /** Default 1. */
  readonly queues?: number;
  /** Who to become first. Default: root. */
  readonly user?: number;
}

let made: KernelExport | undefined;

process.on('message', async (message: ServerRequest | 'leave' | 'detach') => {
  try {
    if (message === 'leave') await made?.leave?.();
    else if (message === 'detach') await made?.detach();
    else await serve(message);
    process.send?.({ state: made?.state, numbers: made?.numbers });
    if (message === 'leave' || message === 'detach') process.disconnect();
  } catch (error) {
    process.send?.({ error: String(error), code: (error as { code?: string }).code });
    if (!made) process.disconnect();
  }
});

async function serve({ path, identifier, state, hangs, queues, user }: ServerRequest): Promise<void> {
  let device: BlockDevice = await openFile(path);
  if (user !== undefined) becomeUser(user);
  if (hangs) {
    const real = device;
    device = new Proxy(real, {
      get(_, name) {
        if (name === hangs) {
          return () => {
            process.send?.({ hanging: true });
            return new Promise(() => {});
          };
        }
        const value = Reflect.get(real, name, real);
        return typeof value === 'function' ? value.bind(real) : value;
      },
    });
  }
  const options = { identifier, queues: queuesHere(device, queues ?? 1) };
  made = state
    ? await ublkExporter.recover?.(device, state, attachment(device, options))
    : await exported(device, options);
}

function becomeUser(user: number): void {
  // Foreign functions are loaded while their file can be read.
  if (!ffiAvailable()) throw new Error('no foreign functions');
  process.setgroups?.([]);
  process.setgid?.(user);
  process.setuid?.(user);
}
