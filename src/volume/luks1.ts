import type { BlockDevice } from '../block/index.ts';
import { TscryptError } from '../errors.ts';

/** Magic and version of a LUKS1 header (LUKS On-Disk Format Specification 1.2.3, section 2.1). */
const LUKS1_START = Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 1);

/** Refuses a LUKS1 device by name: whoever took it for no LUKS device at all might format it. */
export async function refuseLuks1(device: BlockDevice): Promise<void> {
  const block = new Uint8Array(Math.max(device.limits.logicalBlockSize, 512));
  if (device.size < block.length) return;
  await device.read(0, block);
  if (!LUKS1_START.every((byte, index) => block[index] === byte)) return;
  throw new TscryptError('NOT_SUPPORTED', `Device ${device.name} is a LUKS1 device.`, {
    details: { device: device.name, version: 1 },
    hint: 'This version works with LUKS2 only; the stock cryptsetup opens and converts it.',
  });
}

export function isLuks1Refusal(error: unknown): boolean {
  return error instanceof TscryptError && error.code === 'NOT_SUPPORTED' && error.details.version === 1;
}
