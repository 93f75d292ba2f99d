import { type BlockDevice, MemoryDevice } from '../block/index.ts';
import { TscryptError } from '../errors.ts';
import { alignDown, SECTOR_SIZE } from '../units.ts';
import { readBytes } from './block-io.ts';
import { dataOffset, headerRegionSize } from './geometry.ts';
import type { Luks2Header } from './header.ts';
import { currentHeader } from './invalidate.ts';
import { examineHeader, readHeader } from './read.ts';
import { checkRequirements, requirements } from './requirements.ts';
import { type RestoreOptions, type RestorePlan, replaceHeaderRegion } from './restore.ts';
import { checkWritable } from './write.ts';

/** Backups of a header: the header region as it is, both copies and the keyslots area. */

/**
 * The header region of `device`: what `luksHeaderBackup` stores. It opens the volume with the passphrases of
 * today for ever; keep it as well as them.
 *
 * @throws TscryptError as `readHeader`
 */
export async function backupHeader(device: BlockDevice): Promise<Uint8Array<ArrayBuffer>> {
  return readBytes(device, 0, headerRegionSize(await readHeader(device)));
}

/**
 * Checks a backup wholly against a device, without writing.
 *
 * @throws TscryptError INVALID_FORMAT / NOT_RECOGNISED (backup no good), DEVICE_TOO_SMALL, READ_ONLY,
 *   INVALID_ARGUMENT (data offset or header sizes of the two differ), REQUIREMENT_UNMET (the backup's)
 */
export async function planRestore(device: BlockDevice, backup: Uint8Array): Promise<RestorePlan> {
  const { header } = await examineHeader(inMemory(backup));
  checkRequirements(header);
  checkWritable(device, header);
  const current = await currentHeader(device);
  if (current) checkSameGeometry(header, current);
  return {
    backup: header,
    current,
    uuidDiffers: current !== undefined && current.uuid !== header.uuid,
    currentRequirements: current ? requirements(current) : [],
  };
}

/**
 * {@link planRestore}, then writes the backup over the device's header region. The result is the backup byte
 * for byte; a power cut at any time leaves the old key set or the backup's.
 *
 * @throws TscryptError as {@link planRestore}; NO_SPACE when there is no room to keep old and new key material
 *   side by side (see {@link RestoreOptions.inPlace}); nothing has been written then
 */
export async function restoreHeader(
  device: BlockDevice,
  backup: Uint8Array,
  options: RestoreOptions = {},
): Promise<Luks2Header> {
  const plan = await planRestore(device, backup);
  await replaceHeaderRegion(device, backup, plan, options);
  return plan.backup;
}

/** The backup as a device; a file cut short in the middle of a sector loses that sector. */
function inMemory(backup: Uint8Array): MemoryDevice {
  const whole = backup.subarray(0, alignDown(backup.length, SECTOR_SIZE));
  return new MemoryDevice(whole, { name: 'backup', readOnly: true });
}

function checkSameGeometry(backup: Luks2Header, current: Luks2Header): void {
  const differs = (field: string, expected: number, found: number) => {
    if (expected === found) return;
    throw new TscryptError(
      'INVALID_ARGUMENT',
      `The ${field} on device and in backup differ, restore failed.`,
      {
        details: { field, expected, found },
      },
    );
  };
  differs('data offset', dataOffset(current), dataOffset(backup));
  differs('size of the metadata area', current.hdrSize, backup.hdrSize);
  differs('size of header and keyslots area', headerRegionSize(current), headerRegionSize(backup));
}
