import { TscryptError } from '../errors.ts';
import { isPowerOfTwo } from '../units.ts';
import { type BlockDevice, DEFAULT_LIMITS, type Features, type Limits, type WriteOptions } from './device.ts';
import { checkRead, checkWrite, closedError } from './request-check.ts';

export interface MemoryDeviceOptions {
  readonly name?: string;
  readonly readOnly?: boolean;
  /** Bytes, power of two, 512 … 65536; 512 if not given. */
  readonly logicalBlockSize?: number;
}

const FEATURES: Features = { discard: true, fastZeroes: true, multiConnection: true };

/** A block device in memory. Every operation finishes inline. */
export class MemoryDevice implements BlockDevice {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features = FEATURES;
  /** The live content. */
  readonly content: Uint8Array;
  #closed = false;

  /**
   * @param content the bytes themselves (not copied), or how many zero bytes
   * @throws TscryptError INVALID_ARGUMENT when the size is no multiple of the logical block size
   */
  constructor(content: Uint8Array | number, options: MemoryDeviceOptions = {}) {
    const logicalBlockSize = options.logicalBlockSize ?? DEFAULT_LIMITS.logicalBlockSize;
    const size = typeof content === 'number' ? content : content.length;
    if (!isPowerOfTwo(logicalBlockSize) || logicalBlockSize < 512 || logicalBlockSize > 65536) {
      throw new TscryptError('INVALID_ARGUMENT', `Logical block size ${logicalBlockSize} is not usable.`);
    }
    if (!Number.isSafeInteger(size) || size < 0 || size % logicalBlockSize !== 0) {
      throw new TscryptError(
        'INVALID_ARGUMENT',
        `${size} bytes are not made of ${logicalBlockSize}-byte blocks.`,
      );
    }
    this.name = options.name ?? 'memory';
    this.size = size;
    this.readOnly = options.readOnly ?? false;
    this.content = typeof content === 'number' ? new Uint8Array(size) : content;
    this.limits = {
      ...DEFAULT_LIMITS,
      logicalBlockSize,
      physicalBlockSize: logicalBlockSize,
      ioMin: logicalBlockSize,
      discardGranularity: logicalBlockSize,
    };
  }

  read(offset: number, into: Uint8Array): void {
    this.#checkOpen();
    checkRead(this, offset, into.length);
    into.set(this.content.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array, _options?: WriteOptions): void {
    this.#checkOpen();
    checkWrite(this, offset, from.length);
    this.content.set(from, offset);
  }

  flush(): void {
    this.#checkOpen();
  }

  discard(offset: number, length: number): void {
    this.writeZeroes(offset, length);
  }

  writeZeroes(offset: number, length: number): void {
    this.#checkOpen();
    checkWrite(this, offset, length);
    this.content.fill(0, offset, offset + length);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError(this.name);
  }
}
