import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BlockDevice } from '../../block/device.ts';
import { fromSystemError, TscryptError } from '../../errors.ts';
import { ffiAvailable, markIoFlusher } from '../../sys/index.ts';
import type {
  AttachOptions,
  Availability,
  KernelExport,
  KernelExporter,
  KernelExportState,
} from '../kernel-export.ts';
import { DeviceFile } from './device-file.ts';
import { FuseExport, letGo } from './fuse-export.ts';
import { LOOP_CONTROL, LoopDevice } from './loop-device.ts';
import { findHelper, MountPoint, mountsItself } from './mount-point.ts';
import { FuseSession } from './session.ts';

/** The largest logical block that loop devices have on every kernel and machine. */
const LOOP_BLOCK_MAX = 4096;

/**
 * Shows a device as a file of our own file system in user space, and as root as a loop device upon that file. What
 * serves it dies with this process: its users get errors then.
 */
export const fuseExporter: KernelExporter = { kind: 'fuse', availability, attach, remove };

async function availability(): Promise<Availability> {
  if (!ffiAvailable()) {
    return {
      usable: false,
      reason: 'Foreign functions do not work here, and the kernel is spoken to through them.',
      remedy: 'Install the package with its optional dependencies (npm install --include=optional).',
    };
  }
  const refused = await access('/dev/fuse', constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (refused === 'ENOENT') {
    return { usable: false, reason: 'There is no /dev/fuse.', remedy: 'As root: modprobe fuse.' };
  }
  if (refused !== undefined) {
    return {
      usable: false,
      reason: '/dev/fuse may not be opened by this user.',
      remedy: 'As root: chmod 666 /dev/fuse.',
    };
  }
  if (!mountsItself()) {
    if (await findHelper()) return { usable: true, abilities: ['file', 'unprivileged'] };
    return {
      usable: false,
      reason: 'Only root may mount, and fusermount3, which mounts for users, is not installed.',
      remedy: 'Install fuse3 (apt install fuse3).',
    };
  }
  return { usable: true, abilities: [(await hasLoop()) ? 'block device' : 'file'] };
}

async function attach(device: BlockDevice, options: AttachOptions): Promise<KernelExport> {
  const { name, directory, identifier, log } = options;
  const readOnly = options.readOnly || device.readOnly;
  const asRoot = mountsItself();
  const mountPoint = new MountPoint(identifier, asRoot ? undefined : await neededHelper());
  const path = join(directory, 'mnt', name);
  let made: FuseExport | undefined;
  const file = new DeviceFile(device, {
    name,
    readOnly,
    log,
    closed: (openCount) => {
      made?.closed(openCount).catch(log);
    },
  });
  const serve = (fd: number): FuseSession => new FuseSession(fd, file, { log });
  const session = await mountPoint.mount(join(directory, 'mnt'), readOnly, serve);
  try {
    await session.ready;
    const loop = asRoot ? await attachLoop(device, file, path, readOnly) : undefined;
    if (loop) {
      markIoFlusher();
      if (!readOnly) await allowDiscards(device, file, loop);
    }
    made = new FuseExport({ path, identifier, readOnly, file, session, mountPoint, loop, log });
    return made;
  } catch (error) {
    await mountPoint.unmount(true).catch(log);
    await session.close();
    throw error;
  }
}

/** @returns undefined where there are no loop devices, or none for blocks of this size */
async function attachLoop(
  device: BlockDevice,
  file: DeviceFile,
  path: string,
  readOnly: boolean,
): Promise<LoopDevice | undefined> {
  const { limits } = device;
  if (limits.logicalBlockSize > LOOP_BLOCK_MAX || !(await hasLoop())) return undefined;
  const handle = await open(path, readOnly ? constants.O_RDONLY : constants.O_RDWR).catch((error) => {
    throw fromSystemError(error, `Cannot open ${path}`, { device: path });
  });
  file.markLoop();
  try {
    return await LoopDevice.attach({
      fd: handle.fd,
      blockSize: limits.logicalBlockSize,
      readOnly,
      name: basename(path),
    });
  } finally {
    await handle.close();
  }
}

/**
 * The loop driver asks for the same thing, a hole, where blocks are to be discarded and where they are to be zeroes.
 * That is right for devices which can do the latter fast. Of others, those that can discard do so on kernels which
 * understand that nothing else can be meant.
 */
async function allowDiscards(device: BlockDevice, file: DeviceFile, loop: LoopDevice): Promise<void> {
  const { features, limits } = device;
  if (features.fastZeroes || !features.discard) return;
  file.holes = 'tried';
  let understood = false;
  try {
    understood = await loop.refuseZeroes(limits.logicalBlockSize);
  } finally {
    file.holes = understood ? 'discards' : 'zeroes';
  }
}

async function remove(state: KernelExportState): Promise<void> {
  const { identifier, loop: index, sequence } = state;
  if (typeof identifier !== 'string') {
    throw new TscryptError('INVALID_ARGUMENT', 'The state of a FUSE export lacks its identifier.');
  }
  const loop = typeof index === 'number' ? await LoopDevice.find(index, String(sequence ?? '')) : undefined;
  // First, since requests in the loop device may be waiting for a connection that nobody serves any more.
  const mountPoint = new MountPoint(identifier, mountsItself() ? undefined : await findHelper());
  await mountPoint.unmount(true);
  if (!loop) return;
  await letGo(loop).catch((error) => {
    throw fromSystemError(error, `Cannot detach ${loop.path}`, { device: loop.path });
  });
}

async function neededHelper(): Promise<string> {
  const helper = await findHelper();
  if (helper !== undefined) return helper;
  throw new TscryptError('PERMISSION_DENIED', 'Only root may mount, and fusermount3 is not installed.', {
    hint: 'Install fuse3 (apt install fuse3).',
  });
}

async function hasLoop(): Promise<boolean> {
  return await access(LOOP_CONTROL, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}
