import type { BlockDevice, WriteOptions } from '../../block/device.ts';
import * as nbd from '../../block/nbd/protocol.ts';
import { andThen, type MaybePromise } from '../../maybe-promise.ts';
import { blockStatusPayload } from './block-status.ts';

/** What requests ask of a device, after they were checked. */

const WRITE: WriteOptions = { mayClobber: true };
const WRITE_FUA: WriteOptions = { mayClobber: true, fua: true };

/** NBD_CMD_WRITE. The device may change `data` while it stores it. */
export function writeTo(
  device: BlockDevice,
  flags: number,
  offset: number,
  data: Uint8Array,
): MaybePromise<void> {
  return device.write(offset, data, (flags & nbd.NBD_CMD_FLAG_FUA) === 0 ? WRITE : WRITE_FUA);
}

/** NBD_CMD_FLUSH, NBD_CMD_TRIM and NBD_CMD_WRITE_ZEROES. */
export function change(
  device: BlockDevice,
  type: number,
  flags: number,
  offset: number,
  length: number,
): MaybePromise<void> {
  const fua = (flags & nbd.NBD_CMD_FLAG_FUA) !== 0;
  if (type === nbd.NBD_CMD_FLUSH) return device.flush();
  if (type === nbd.NBD_CMD_TRIM) {
    const done = device.discard(offset, length);
    return fua ? andThen(done, () => device.flush()) : done;
  }
  return device.writeZeroes(offset, length, {
    fua,
    noHole: (flags & nbd.NBD_CMD_FLAG_NO_HOLE) !== 0,
    fast: (flags & nbd.NBD_CMD_FLAG_FAST_ZERO) !== 0,
  });
}

/** NBD_CMD_BLOCK_STATUS: the payload of its reply chunk. */
export function blockStatus(
  device: BlockDevice,
  flags: number,
  offset: number,
  length: number,
): MaybePromise<Uint8Array> {
  const one = (flags & nbd.NBD_CMD_FLAG_REQ_ONE) !== 0;
  const extents = device.extents?.(offset, length) ?? [{ length, hole: false, zero: false }];
  return andThen(extents, (list) => blockStatusPayload(list, length, one));
}
