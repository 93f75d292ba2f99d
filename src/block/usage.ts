import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError, TscryptError } from '../errors.ts';
import { isByteLocked, lockByte } from '../sys/index.ts';
import { writableLoopDevices } from './loop-devices.ts';

/**
 * "This image is in use": a mark on a backing device for as long as it is mapped, so that no second
 * program writes to it at the same time. It is apart from the metadata lock (which tools take while it is
 * mapped) and vanishes with the process that holds it.
 *
 * The marks are those of QEMU's file driver ("image locking", docs/system/qemu-block-drivers.rst.inc and
 * block/file-posix.c): shared byte locks at 100 + permission for what the holder does, at 200 + permission
 * for what it will not let others do. qemu-img and virtual machines therefore respect ours and the reverse.
 */
export interface DeviceClaim {
  /** False: no marks could be set, {@link reason} says why. */
  readonly held: boolean;
  readonly reason?: string;
  /** Harmless when repeated. */
  release(): Promise<void>;
}

export interface DeviceClaimOptions {
  /** Others may write to the same device: they use another part of it. */
  readonly shared?: boolean;
}

const PERMISSION_BASE = 100;
const UNSHARED_BASE = 200;
const CONSISTENT_READ = 0;
const WRITE = 1;
const RESIZE = 3;
/** Two that come at the same moment see each other's marks and both step back; so try again. */
const ATTEMPTS = 6;

/**
 * Marks a device as in use: several readers, or one writer.
 *
 * @param path a regular file or block device
 * @throws TscryptError DEVICE_BUSY; NO_SUCH_DEVICE, PERMISSION_DENIED when it cannot be opened
 */
export async function claimDevice(
  path: string,
  mode: 'read' | 'write',
  options: DeviceClaimOptions = {},
): Promise<DeviceClaim> {
  const does = mode === 'write' ? [CONSISTENT_READ, WRITE] : [CONSISTENT_READ];
  const refuses = options.shared ? [] : [WRITE, RESIZE];
  let file: FileHandle | undefined;
  try {
    if (mode === 'write') await refuseLoopDevices(path);
    for (let attempt = 1; ; attempt++) {
      file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const { fd } = file;
      const result = mark(fd, does, refuses);
      if (result === 'unsupported') break;
      if (result === 'locked' && !conflicts(fd, does, refuses)) return holder(file);
      await file.close();
      file = undefined;
      if (attempt === ATTEMPTS)
        throw new TscryptError('DEVICE_BUSY', `Device ${path} is in use by another program.`, {
          details: { device: path },
          hint: 'Close the mapped device or virtual machine that uses it.',
        });
      await sleep(5 + Math.random() * 20 * attempt);
    }
  } catch (error) {
    await file?.close();
    throw fromSystemError(error, `Cannot claim ${path}`, { device: path });
  }
  await file.close();
  return { held: false, reason: 'this platform offers no file locks to Node.js', release: async () => {} };
}

async function refuseLoopDevices(path: string): Promise<void> {
  const [loop] = await writableLoopDevices(path);
  if (loop === undefined) return;
  throw new TscryptError('DEVICE_BUSY', `Device ${path} is in use by ${loop}.`, {
    details: { device: path, loop },
    hint: `Close what uses ${loop} and detach it (losetup --detach ${loop}), or work on ${loop} itself.`,
  });
}

function mark(
  fd: number,
  does: readonly number[],
  refuses: readonly number[],
): 'locked' | 'busy' | 'unsupported' {
  const bytes = [...does.map((p) => PERMISSION_BASE + p), ...refuses.map((p) => UNSHARED_BASE + p)];
  for (const byte of bytes) {
    const result = lockByte(fd, 'read', byte);
    if (result !== 'locked') return result;
  }
  return 'locked';
}

function conflicts(fd: number, does: readonly number[], refuses: readonly number[]): boolean {
  return (
    does.some((permission) => isByteLocked(fd, UNSHARED_BASE + permission)) ||
    refuses.some((permission) => isByteLocked(fd, PERMISSION_BASE + permission))
  );
}

function holder(file: FileHandle): DeviceClaim {
  let released: Promise<void> | undefined;
  return {
    held: true,
    release() {
      released ??= file.close();
      return released;
    },
  };
}
