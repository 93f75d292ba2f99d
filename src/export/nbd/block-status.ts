import type { Extent } from '../../block/device.ts';
import * as nbd from '../../block/nbd/protocol.ts';

/** The one metadata context there is. */
export const ALLOCATION_CONTEXT_ID = 1;
/** Descriptors in one reply; the client asks on from where they end. */
const MAX_DESCRIPTORS = 4096;
const CONTEXT_ID_SIZE = 4;

/**
 * Payload of NBD_REPLY_TYPE_BLOCK_STATUS for base:allocation.
 *
 * @param length bytes asked for; what `extents` describe beyond is left out
 * @param one NBD_CMD_FLAG_REQ_ONE
 */
export function blockStatusPayload(extents: readonly Extent[], length: number, one: boolean): Uint8Array {
  const descriptors: { length: number; status: number }[] = [];
  let left = length;
  for (const extent of extents) {
    const status = (extent.hole ? nbd.NBD_STATE_HOLE : 0) | (extent.zero ? nbd.NBD_STATE_ZERO : 0);
    const covered = Math.min(extent.length, left);
    if (covered <= 0) break;
    left -= covered;
    const last = descriptors.at(-1);
    if (last?.status === status) last.length += covered;
    else if (descriptors.length === (one ? 1 : MAX_DESCRIPTORS)) break;
    else descriptors.push({ length: covered, status });
  }
  const { size } = nbd.BlockStatusDescriptor;
  const payload = new Uint8Array(CONTEXT_ID_SIZE + descriptors.length * size);
  new DataView(payload.buffer).setUint32(0, ALLOCATION_CONTEXT_ID);
  for (const [index, descriptor] of descriptors.entries()) {
    nbd.BlockStatusDescriptor.encodeInto(payload, descriptor, CONTEXT_ID_SIZE + index * size);
  }
  return payload;
}
