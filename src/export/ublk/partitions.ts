import { spawn } from 'node:child_process';
import type { BlockDevice } from '../../block/device.ts';

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** Where a partition table shows: "MBR" in the first sector, or GPT in the second block. */
const MBR_SIGNATURE_AT = 510;
const GPT_SIGNATURE = 'EFI PART';

/**
 * Makes the kernel's devices for the partitions on a disk that this process serves. partx(8) looks for them, in a
 * process of its own: the kernel itself does so while it holds locks without which the disk can neither be taken
 * over nor removed, and would hold them for ever if we died meanwhile.
 *
 * Without a partition table, or without partx, nothing happens.
 */
export async function announcePartitions(device: BlockDevice, node: string): Promise<void> {
  if (device.suspended || !(await hasTable(device))) return;
  await new Promise<void>((resolve) => {
    const child = spawn('partx', ['--add', node], { stdio: 'ignore', env: { PATH, LC_ALL: 'C' } });
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });
}

async function hasTable(device: BlockDevice): Promise<boolean> {
  const block = device.limits.logicalBlockSize;
  const length = 2 * block;
  if (device.size < length) return false;
  const start = Buffer.alloc(length);
  try {
    await device.read(0, start);
  } catch {
    return false;
  }
  const isMbr = start.readUInt16LE(MBR_SIGNATURE_AT) === 0xaa55;
  return isMbr || start.toString('latin1', block, block + GPT_SIGNATURE.length) === GPT_SIGNATURE;
}
