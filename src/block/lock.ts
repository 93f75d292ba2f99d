import { constants, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open, stat, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSystemError, TscryptError } from '../errors.ts';
import { deviceNumbers, flock } from '../sys/index.ts';

/**
 * The lock around a volume's metadata, the same one cryptsetup takes, so that both tools can work on a
 * device at once: flock(2) on the image itself; for a block device on the file `L_<major>:<minor>` in
 * /run/cryptsetup, which exists only while it is in use.
 */
export interface DeviceLock {
  /** False: nothing is locked, and {@link reason} says why. */
  readonly held: boolean;
  readonly reason?: string;
  /** Harmless when repeated. */
  release(): Promise<void>;
}

export interface DeviceLockOptions {
  /** Give up with DEVICE_BUSY after this long; without it, wait. */
  readonly timeoutMs?: number;
}

const LOCK_DIRECTORY = '/run/cryptsetup';
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;

/**
 * Takes the metadata lock: any number of readers, or one writer. Not re-entrant: a second lock on the same
 * device waits for the first, also in the same process. Waiting blocks no thread.
 *
 * @param path a regular file or block device
 * @throws TscryptError DEVICE_BUSY (time is up), NO_SUCH_DEVICE (missing or of another kind),
 *   PERMISSION_DENIED, READ_ONLY
 */
export async function lockDevice(
  path: string,
  mode: 'read' | 'write',
  options: DeviceLockOptions = {},
): Promise<DeviceLock> {
  try {
    const stats = await stat(path);
    if (stats.isFile()) return await lockFile(path, mode, options);
    if (!stats.isBlockDevice())
      throw new TscryptError('NO_SUCH_DEVICE', `${path} is neither a file nor a block device.`, {
        errno: 'ENOTBLK',
        details: { device: path },
      });
    const directory = await lockDirectory();
    if (!directory) return unlocked(`only root can lock block devices in ${LOCK_DIRECTORY}`);
    const { major, minor } = deviceNumbers(stats.rdev);
    return await lockResource(`${directory}/L_${major}:${minor}`, path, mode, options);
  } catch (error) {
    throw fromSystemError(error, `Cannot lock ${path}`, { device: path });
  }
}

function unlocked(reason: string): DeviceLock {
  return { held: false, reason, release: async () => {} };
}

async function lockFile(
  path: string,
  mode: 'read' | 'write',
  options: DeviceLockOptions,
): Promise<DeviceLock> {
  const access = mode === 'write' ? constants.O_RDWR : constants.O_RDONLY;
  const file = await acquire(path, access | constants.O_NONBLOCK, path, mode, options);
  return file ? held(() => file.close()) : unlocked(NO_FFI);
}

/** A lock file of its own, made on demand and removed by the last one to leave. */
async function lockResource(
  lockPath: string,
  device: string,
  mode: 'read' | 'write',
  options: DeviceLockOptions,
): Promise<DeviceLock> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  const file = await acquire(lockPath, flags, device, mode, options);
  if (!file) return unlocked(NO_FFI);
  return held(async () => {
    try {
      // Alone with it: nobody else has it locked, and whoever waits for it finds on locking that it is gone.
      if (flock(file.fd, 'exclusive') === 'locked' && (await isStill(file, lockPath))) await unlink(lockPath);
    } finally {
      await file.close();
    }
  });
}

const NO_FFI = 'this platform offers no file locks to Node.js';

function held(give: () => Promise<void>): DeviceLock {
  let released: Promise<void> | undefined;
  return {
    held: true,
    release() {
      released ??= give();
      return released;
    },
  };
}

async function acquire(
  path: string,
  flags: number,
  device: string,
  mode: 'read' | 'write',
  { timeoutMs = Number.POSITIVE_INFINITY }: DeviceLockOptions,
): Promise<FileHandle | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const file = await open(path, flags, 0o600);
    try {
      const result = flock(file.fd, mode === 'read' ? 'shared' : 'exclusive');
      // The file locked may meanwhile have been removed or replaced by another of that name.
      if (result === 'locked' && (await isStill(file, path))) return file;
      if (result === 'unsupported') {
        await file.close();
        return undefined;
      }
      if (result === 'locked') pause = FIRST_PAUSE_MS;
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    if (performance.now() >= deadline)
      throw new TscryptError('DEVICE_BUSY', `Device ${device} is locked by another process.`, {
        details: { device },
      });
    await sleep(Math.min(pause, Math.max(deadline - performance.now(), 1)));
  }
}

async function isStill(file: FileHandle, path: string): Promise<boolean> {
  const mine = await file.stat();
  const there: Stats | undefined = await stat(path).catch(() => undefined);
  return there !== undefined && there.ino === mine.ino && there.dev === mine.dev;
}

/** cryptsetup's lock directory, made where it is missing; undefined for users who may not enter it. */
async function lockDirectory(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  await mkdir(LOCK_DIRECTORY, { mode: 0o700, recursive: true });
  return LOCK_DIRECTORY;
}
