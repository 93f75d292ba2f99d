import type { BlockDevice } from '../block/index.ts';
import { readBytes } from './block-io.ts';
import { toNumber } from './geometry.ts';
import type { Luks2Header } from './header.ts';
import { hasMagic } from './header-copy.ts';
import { BINARY_HEADER_SIZE, HEADER_SIZES } from './ondisk.ts';
import { examineHeader, isFormatError } from './read.ts';
import { wipeZero } from './wipe.ts';

/**
 * Makes every LUKS2 header unreadable that lies where `regionSize` bytes are about to be overwritten, so that
 * no header ever stands over keyslots which are gone. Stable when done.
 *
 * Headers left over from older formats go first: with the live one dead they would be found and believed.
 * Then both live copies go together; until they are both gone the old volume still opens. Its secondary
 * copy goes even where it lies behind the region: it was header, not data, in the volume that dies.
 */
export async function invalidateHeaders(device: BlockDevice, regionSize: number): Promise<void> {
  const live = await currentHeader(device);
  const leftovers: number[] = [];
  for (const offset of HEADER_SIZES) {
    if (offset + BINARY_HEADER_SIZE > regionSize || offset === live?.hdrSize) continue;
    // Key material of the live volume is not to be touched yet; no whole header can lie in it either.
    if (live && isKeyMaterial(live, offset)) continue;
    if (hasMagic(await readBytes(device, offset, BINARY_HEADER_SIZE), 'secondary')) leftovers.push(offset);
  }
  if (live && leftovers.length > 0) {
    await wipeAll(device, leftovers);
    await device.flush();
  }
  await wipeAll(device, [0, ...(live ? [live.hdrSize] : leftovers)]);
  await device.flush();
}

function isKeyMaterial(header: Luks2Header, offset: number): boolean {
  return Object.values(header.metadata.keyslots).some(({ area }) => {
    const start = toNumber(area.offset, 'area.offset');
    return offset < start + toNumber(area.size, 'area.size') && start < offset + BINARY_HEADER_SIZE;
  });
}

async function wipeAll(device: BlockDevice, offsets: readonly number[]): Promise<void> {
  for (const offset of offsets) await wipeZero(device, offset, BINARY_HEADER_SIZE);
}

/** The header on the device, if there is a valid one. */
export async function currentHeader(device: BlockDevice): Promise<Luks2Header | undefined> {
  try {
    return (await examineHeader(device)).header;
  } catch (error) {
    if (isFormatError(error)) return undefined;
    throw error;
  }
}
