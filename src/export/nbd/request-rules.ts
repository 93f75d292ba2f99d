import type { BlockDevice } from '../../block/device.ts';
import * as nbd from '../../block/nbd/protocol.ts';

/** Command flags that a type of request may bear ("Command flags"). FUA is allowed on all. */
const VALID_FLAGS: Readonly<Record<number, number>> = {
  [nbd.NBD_CMD_READ]: nbd.NBD_CMD_FLAG_FUA | nbd.NBD_CMD_FLAG_DF,
  [nbd.NBD_CMD_WRITE]: nbd.NBD_CMD_FLAG_FUA,
  [nbd.NBD_CMD_FLUSH]: nbd.NBD_CMD_FLAG_FUA,
  [nbd.NBD_CMD_TRIM]: nbd.NBD_CMD_FLAG_FUA,
  [nbd.NBD_CMD_WRITE_ZEROES]: nbd.NBD_CMD_FLAG_FUA | nbd.NBD_CMD_FLAG_NO_HOLE | nbd.NBD_CMD_FLAG_FAST_ZERO,
  [nbd.NBD_CMD_BLOCK_STATUS]: nbd.NBD_CMD_FLAG_FUA | nbd.NBD_CMD_FLAG_REQ_ONE,
};

export interface RuleOptions {
  readonly readOnly: boolean;
  readonly structuredReplies: boolean;
  readonly allocationContext: boolean;
}

/** Which requests to an export are refused before its device sees them, and with which NBD error value. */
export class RequestRules {
  readonly #device: BlockDevice;
  readonly #options: RuleOptions;
  readonly #unit: number;
  readonly #maximum: number;

  constructor(device: BlockDevice, options: RuleOptions) {
    this.#device = device;
    this.#options = options;
    this.#unit = device.limits.logicalBlockSize;
    this.#maximum = maximumBlockSize(device);
  }

  /** Any request but a read; 0 = go ahead. Types that do not exist are refused too. */
  check(type: number, flags: number, offset: number, length: number): number {
    if (!hasValidFlags(type, flags)) return nbd.NBD_EINVAL;
    if (type === nbd.NBD_CMD_FLUSH) return 0;
    if (type === nbd.NBD_CMD_BLOCK_STATUS) return this.#checkStatus(offset, length);
    return this.#checkChange(type, flags, offset, length);
  }

  checkRead(flags: number, offset: number, length: number): number {
    if (!hasValidFlags(nbd.NBD_CMD_READ, flags) || !this.#isAligned(offset, length)) return nbd.NBD_EINVAL;
    // DF is offered only together with structured replies.
    const fragmentable = (flags & nbd.NBD_CMD_FLAG_DF) === 0;
    if (!fragmentable && !this.#options.structuredReplies) return nbd.NBD_EINVAL;
    if (length > this.#maximum) return nbd.NBD_EINVAL;
    return offset + length > this.#device.size ? nbd.NBD_EINVAL : 0;
  }

  #checkStatus(offset: number, length: number): number {
    if (!this.#options.allocationContext || length === 0) return nbd.NBD_EINVAL;
    if (!this.#isAligned(offset, length)) return nbd.NBD_EINVAL;
    return offset + length > this.#device.size ? nbd.NBD_EINVAL : 0;
  }

  #checkChange(type: number, flags: number, offset: number, length: number): number {
    const { features, size } = this.#device;
    if (this.#options.readOnly) return nbd.NBD_EPERM;
    if (type === nbd.NBD_CMD_TRIM && !features.discard) return nbd.NBD_EINVAL;
    if (!this.#isAligned(offset, length)) return nbd.NBD_EINVAL;
    if (type === nbd.NBD_CMD_WRITE && length > this.#maximum) return nbd.NBD_EINVAL;
    if (offset + length > size) return type === nbd.NBD_CMD_TRIM ? nbd.NBD_EINVAL : nbd.NBD_ENOSPC;
    const fast = (flags & nbd.NBD_CMD_FLAG_FAST_ZERO) !== 0;
    return fast && !features.fastZeroes ? nbd.NBD_ENOTSUP : 0;
  }

  #isAligned(offset: number, length: number): boolean {
    return offset % this.#unit === 0 && length % this.#unit === 0;
  }
}

function hasValidFlags(type: number, flags: number): boolean {
  const valid = VALID_FLAGS[type];
  return valid !== undefined && (flags & ~valid) === 0;
}

/** Largest payload of one request: what is announced as maximum block size. */
export function maximumBlockSize(device: BlockDevice): number {
  return Math.min(nbd.NBD_MAX_PAYLOAD, device.limits.maxIoSize);
}
