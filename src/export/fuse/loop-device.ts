import { constants } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import os from 'node:os';
import { bytes, layout, reserved, u32le, u64le } from '../../codec/layout.ts';
import { fromSystemError } from '../../errors.ts';
import { addressOf, deviceNumbers, libc, systemError } from '../../sys/index.ts';

/**
 * The kernel's loop devices (linux/loop.h, loop(4)). All that is asked of them goes through the thread pool: the
 * driver asks the file below for its size and properties, and that file may be served by this process.
 */

const LOOP_CLR_FD = 0x4c01;
const LOOP_SET_CAPACITY = 0x4c07;
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CTL_GET_FREE = 0x4c82;
/** linux/fs.h: _IO(0x12, 127), on two 64-bit numbers, where and how many bytes. */
const BLKZEROOUT = 0x127f;
/** More than they take, so that they stay where they are. */
const RANGE_MEMORY = 128;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_DIRECT_IO = 16;
const LO_NAME_SIZE = 64;

/** struct loop_config with its struct loop_info64. */
const LoopConfig = layout('loop_config', 304, {
  fd: u32le,
  blockSize: u32le,
  device: u64le,
  inode: u64le,
  rdevice: u64le,
  offset: u64le,
  sizeLimit: u64le,
  number: u32le,
  encryptType: u32le,
  encryptKeySize: u32le,
  flags: u32le,
  fileName: bytes(LO_NAME_SIZE),
  cryptName: reserved(LO_NAME_SIZE),
  encryptKey: reserved(32),
  init: reserved(16),
  reserved: reserved(64),
});

export const LOOP_CONTROL = '/dev/loop-control';
/** Another process may take the free device that was just named. */
const ATTEMPTS = 16;

export interface LoopOptions {
  /** The file, open for what the device should allow. */
  readonly fd: number;
  /** Bytes. */
  readonly blockSize: number;
  readonly readOnly: boolean;
  /** For people. */
  readonly name: string;
}

export class LoopDevice {
  readonly index: number;
  readonly numbers: { readonly major: number; readonly minor: number };
  /** Numbers each use of a device: another one means that it is no longer this one. Empty on old kernels. */
  readonly sequence: string;

  private constructor(index: number, numbers: LoopDevice['numbers'], sequence: string) {
    this.index = index;
    this.numbers = numbers;
    this.sequence = sequence;
  }

  get path(): string {
    return `/dev/loop${this.index}`;
  }

  /**
   * Attaches a free loop device to a file. Direct I/O, where the file allows it, keeps the data out of a second
   * cache, and writing back never waits for memory that writing back should free.
   *
   * @throws TscryptError NOT_SUPPORTED, PERMISSION_DENIED and what the kernel said
   */
  static async attach(options: LoopOptions): Promise<LoopDevice> {
    try {
      for (let attempt = 1; ; attempt++) {
        const index = await freeIndex();
        const handle = await open(`/dev/loop${index}`, openFlags(options.readOnly));
        try {
          await configure(handle, options);
          const { rdev } = await handle.stat();
          return new LoopDevice(index, deviceNumbers(rdev), await sysfs(index, 'diskseq'));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === ATTEMPTS) throw error;
        } finally {
          await handle.close();
        }
      }
    } catch (error) {
      throw fromSystemError(error, 'Cannot attach a loop device', { device: LOOP_CONTROL });
    }
  }

  /** What {@link attach} made in another process; undefined when it is no longer that. */
  static async find(index: number, sequence: string): Promise<LoopDevice | undefined> {
    const stats = await stat(`/dev/loop${index}`).catch(() => undefined);
    if (!stats) return undefined;
    const loop = new LoopDevice(index, deviceNumbers(stats.rdev), sequence);
    return (await loop.isAttached()) ? loop : undefined;
  }

  async isAttached(): Promise<boolean> {
    // The file is there only while something is attached.
    const [backing, sequence] = await Promise.all([
      sysfs(this.index, 'loop/backing_file'),
      sysfs(this.index, 'diskseq'),
    ]);
    return backing !== '' && sequence === this.sequence;
  }

  /** Takes the size of the file as it is now. */
  async updateSize(): Promise<void> {
    const handle = await open(this.path, openFlags(true));
    try {
      await control(handle, LOOP_SET_CAPACITY, 0, 'LOOP_SET_CAPACITY');
    } finally {
      await handle.close();
    }
  }

  /**
   * Makes the kernel write zeroes as data, by having it try otherwise: from Linux 6.10 on it does not ask again for
   * what the file below does not support, and does not take discards for the same thing any more. The first block is
   * overwritten with zeroes unless the file refuses that in its own way.
   *
   * @param length of that block
   * @returns whether this kernel does so
   */
  async refuseZeroes(length: number): Promise<boolean> {
    const range = Buffer.allocUnsafeSlow(RANGE_MEMORY).fill(0);
    range.writeBigUInt64LE(BigInt(length), 8);
    const handle = await open(this.path, openFlags(false));
    try {
      await control(handle, BLKZEROOUT, addressOf(range), 'BLKZEROOUT');
    } finally {
      await handle.close();
    }
    return (await sysfs(this.index, 'queue/write_zeroes_max_bytes')) === '0';
  }

  /** Detaches the device as soon as nobody has it open, which includes the caller. */
  async clear(handle: FileHandle): Promise<void> {
    try {
      await control(handle, LOOP_CLR_FD, 0, 'LOOP_CLR_FD');
    } catch (error) {
      // Somebody else did.
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    }
  }

  /** The same for a device that others may have open. */
  async clearLater(): Promise<void> {
    const handle = await open(this.path, openFlags(true));
    try {
      await this.clear(handle);
    } finally {
      await handle.close();
    }
  }
}

async function freeIndex(): Promise<number> {
  const handle = await open(LOOP_CONTROL, constants.O_RDWR);
  try {
    return await control(handle, LOOP_CTL_GET_FREE, 0, 'LOOP_CTL_GET_FREE');
  } finally {
    await handle.close();
  }
}

async function configure(handle: FileHandle, options: LoopOptions): Promise<void> {
  // More than the structure, so that it stays where it is.
  const memory = Buffer.allocUnsafeSlow(LoopConfig.size);
  const fileName = new Uint8Array(LO_NAME_SIZE);
  fileName.set(Buffer.from(options.name).subarray(0, LO_NAME_SIZE - 1));
  LoopConfig.encodeInto(memory, {
    ...{ fd: options.fd, blockSize: options.blockSize, fileName },
    ...{ device: 0, inode: 0, rdevice: 0, offset: 0, sizeLimit: 0, number: 0 },
    ...{ encryptType: 0, encryptKeySize: 0 },
    flags: LO_FLAGS_DIRECT_IO | (options.readOnly ? LO_FLAGS_READ_ONLY : 0),
    ...{ cryptName: undefined, encryptKey: undefined, init: undefined, reserved: undefined },
  });
  await control(handle, LOOP_CONFIGURE, addressOf(memory), 'LOOP_CONFIGURE');
  // What the kernel was given must have lived until here.
  memory.fill(0);
}

async function control(handle: FileHandle, request: number, argument: number, name: string): Promise<number> {
  const c = libc();
  if (!c) throw systemError(name, os.constants.errno.ENOTSUP);
  const result = await c.later('ioctl', handle.fd, request, argument);
  if (result < 0) throw systemError(name, -result);
  return result;
}

function openFlags(readOnly: boolean): number {
  return (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK;
}

/** One line of a device's directory in sysfs; empty where there is none. */
async function sysfs(index: number, name: string): Promise<string> {
  return (await readFile(`/sys/block/loop${index}/${name}`, 'utf8').catch(() => '')).trim();
}
