import type { BlockDevice } from '../block/index.ts';
import { writeBytes } from './block-io.ts';
import { encodeCopy } from './header-copy.ts';
import { examineHeader, type HeaderState } from './read.ts';
import { checkWritable, offsetOf } from './write.ts';

/**
 * Rewrites the copy that is missing, damaged or older from the good one, with a salt of its own and the
 * sequence number unchanged; the good one is not touched. `repair` in the result names what was rewritten.
 *
 * @throws TscryptError as `readHeader`; READ_ONLY
 */
export async function recoverHeader(device: BlockDevice): Promise<HeaderState> {
  const state = await examineHeader(device);
  if (state.repair.length === 0) return state;
  checkWritable(device, state.header);
  for (const copy of state.repair) {
    await writeBytes(device, offsetOf(copy, state.header), encodeCopy(state.header, copy));
    await device.flush();
  }
  return state;
}
