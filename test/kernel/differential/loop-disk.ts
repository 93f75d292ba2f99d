import { DEFAULT_LIMITS, type Limits, MemoryDevice } from '../../../src/block/index.ts';
import { SECTOR_SIZE } from '../../../src/units.ts';
import type { Disk } from './case.ts';
import { noise } from './content.ts';

/** What the kernel's loop device over a file in memory discards at a time: a page. */
const DISCARD_GRANULARITY = 4096;
/** The kernel's loop device takes this much in one request. */
const MAX_IO_SIZE = 1280 * 1024;

/** A disk that says of itself what the guest's loop devices say, and zeroes what is discarded as they do. */
export class LoopDisk extends MemoryDevice {
  override readonly limits: Limits;

  constructor(content: Uint8Array, blockSize: number, name: string) {
    super(content, { name, logicalBlockSize: blockSize });
    this.limits = {
      ...DEFAULT_LIMITS,
      logicalBlockSize: blockSize,
      physicalBlockSize: blockSize,
      ioMin: blockSize,
      maxIoSize: MAX_IO_SIZE,
      discardGranularity: DISCARD_GRANULARITY,
    };
  }

  /** A use of the disk that is closed on its own. */
  open(): LoopDisk {
    return new LoopDisk(this.content, this.limits.logicalBlockSize, this.name);
  }

  /** The disks of a case, by the names that tables have for them. */
  static of(name: string, disks: readonly Disk[]): ReadonlyMap<string, LoopDisk> {
    return new Map(
      disks.map(({ sectors, blockSize = 512 }, index) => {
        const label = `{${String.fromCharCode('a'.charCodeAt(0) + index)}}`;
        const content = noise(`${name} ${label}`, sectors * SECTOR_SIZE);
        return [label, new LoopDisk(content, blockSize, label)];
      }),
    );
  }
}
