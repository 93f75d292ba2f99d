import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { fromSystemError, TscryptError } from '../errors.ts';
import {
  canPunchHoles,
  clearNonBlocking,
  deviceNumbers,
  ffiAvailable,
  formatDeviceNumbers,
} from '../sys/index.ts';
import { alignDown, isPowerOfTwo } from '../units.ts';
import { AlignedBuffers } from './aligned-buffers.ts';

/** What has to be known of a file or disk before it can be used as a block device. Bytes. */
export interface FileGeometry {
  readonly size: number;
  readonly logicalBlockSize: number;
  readonly physicalBlockSize: number;
  readonly ioOpt: number;
  /** A block device, not a regular file. */
  readonly disk: boolean;
  /** Unit of discard (of a file, which discards by punching holes: its blocks); 0 = no discard. */
  readonly discardGranularity: number;
  /** Ranges are made zero faster than by writing. */
  readonly fastZeroes: boolean;
}

const DEFAULT_BLOCK_SIZE = 512;

/** Of a regular file: its length rounded down to whole blocks, as the kernel's loop driver does. */
export async function regularFileGeometry(
  path: string,
  handle: FileHandle,
  stats: Stats,
  options: { readonly readOnly: boolean; readonly direct: boolean },
): Promise<FileGeometry> {
  const { readOnly, direct } = options;
  const logicalBlockSize = direct ? await directUnit(path, handle, stats) : DEFAULT_BLOCK_SIZE;
  const physicalBlockSize = Math.max(logicalBlockSize, isPowerOfTwo(stats.blksize) ? stats.blksize : 4096);
  const holes = !readOnly && (await canPunchHoles(handle.fd, stats.size));
  return {
    size: alignDown(stats.size, logicalBlockSize),
    logicalBlockSize,
    physicalBlockSize,
    ioOpt: 0,
    disk: false,
    discardGranularity: holes ? physicalBlockSize : 0,
    fastZeroes: holes,
  };
}

/** Of a disk, from sysfs; where that is not mounted, from the disk itself. */
export async function diskGeometry(path: string, handle: FileHandle, stats: Stats): Promise<FileGeometry> {
  const sysfs = `/sys/dev/block/${formatDeviceNumbers(deviceNumbers(stats.rdev))}`;
  const sectors = await readNumber(`${sysfs}/size`);
  const logicalBlockSize = (await queueLimit(sysfs, 'logical_block_size')) ?? DEFAULT_BLOCK_SIZE;
  const physicalBlockSize = (await queueLimit(sysfs, 'physical_block_size')) ?? logicalBlockSize;
  const size = sectors === undefined ? await seekEnd(path, handle) : sectors * 512;
  const discards = ffiAvailable() && ((await queueLimit(sysfs, 'discard_max_bytes')) ?? 0) > 0;
  const granularity = (await queueLimit(sysfs, 'discard_granularity')) ?? 0;
  return {
    size: alignDown(size, logicalBlockSize),
    logicalBlockSize,
    physicalBlockSize,
    ioOpt: (await queueLimit(sysfs, 'optimal_io_size')) ?? 0,
    disk: true,
    discardGranularity: discards ? Math.max(granularity, logicalBlockSize) : 0,
    fastZeroes: ffiAvailable() && ((await queueLimit(sysfs, 'write_zeroes_max_bytes')) ?? 0) > 0,
  };
}

/** A partition has no queue of its own; its disk, the directory above, does. */
async function queueLimit(sysfs: string, name: string): Promise<number | undefined> {
  return (await readNumber(`${sysfs}/queue/${name}`)) ?? (await readNumber(`${sysfs}/../queue/${name}`));
}

async function readNumber(path: string): Promise<number | undefined> {
  try {
    const value = Number(await readFile(path, 'latin1'));
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Node has no lseek: the size is where reading starts to give nothing. */
async function seekEnd(path: string, handle: FileHandle): Promise<number> {
  const slot = await AlignedBuffers.acquire();
  const hasData = async (offset: number): Promise<boolean> => {
    try {
      const { bytesRead } = await handle.read(slot, 0, DEFAULT_BLOCK_SIZE, offset);
      return bytesRead > 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EINVAL') return false;
      throw fromSystemError(error, `Cannot find the size of ${path}`, { device: path });
    }
  };
  try {
    let low = 0;
    let high = 1;
    while (await hasData((high - 1) * DEFAULT_BLOCK_SIZE)) {
      low = high;
      high *= 2;
      if (high > 2 ** 44) break;
    }
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2);
      if (await hasData((middle - 1) * DEFAULT_BLOCK_SIZE)) low = middle;
      else high = middle;
    }
    return low * DEFAULT_BLOCK_SIZE;
  } finally {
    AlignedBuffers.release(slot);
  }
}

/** The unit in which the file system below takes direct requests: tried, since nothing tells. */
async function directUnit(path: string, handle: FileHandle, stats: Stats): Promise<number> {
  const slot = await AlignedBuffers.acquire();
  try {
    for (const unit of [512, 1024, 2048, 4096]) {
      try {
        if (stats.size < 2 * unit) continue;
        await handle.read(slot, 0, unit, unit);
        return unit;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EINVAL') continue;
        throw fromSystemError(error, `Cannot read ${path}`, { device: path });
      }
    }
    return 4096;
  } finally {
    AlignedBuffers.release(slot);
  }
}

export interface OpenedFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/**
 * Opens for reading, or reading and writing, and makes sure that blocks can be stored there.
 *
 * @throws TscryptError NO_SUCH_DEVICE (missing, a directory, a terminal …), PERMISSION_DENIED, READ_ONLY,
 *   DEVICE_BUSY
 */
export async function openHandle(
  path: string,
  options: { readonly readOnly: boolean; readonly direct: boolean; readonly exclusive: boolean },
): Promise<OpenedFile> {
  // Non-blocking, so that a FIFO without a writer is refused instead of waited for.
  let flags = (options.readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK;
  if (options.direct) flags |= constants.O_DIRECT;
  // For a disk: claimed, refused when mounted or claimed elsewhere. For a file it means nothing without O_CREAT.
  if (options.exclusive) flags |= constants.O_EXCL;
  let handle: FileHandle;
  try {
    handle = await open(path, flags);
  } catch (error) {
    throw openError(error, path, options.direct);
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile() && !stats.isBlockDevice()) {
      throw new TscryptError('NO_SUCH_DEVICE', `${path} is neither a block device nor a regular file.`, {
        errno: 'ENOTBLK',
        details: { device: path },
      });
    }
    clearNonBlocking(handle.fd);
    return { handle, stats };
  } catch (error) {
    await handle.close().catch(() => {});
    throw fromSystemError(error, `Cannot use ${path}`, { device: path });
  }
}

function openError(error: unknown, path: string, direct: boolean): TscryptError {
  if (direct && (error as NodeJS.ErrnoException).code === 'EINVAL') {
    return new TscryptError('NOT_SUPPORTED', `The file system of ${path} has no direct I/O.`, {
      details: { device: path },
      hint: 'Open it without direct I/O.',
      cause: error,
    });
  }
  return fromSystemError(error, `Cannot open ${path}`, { device: path });
}
