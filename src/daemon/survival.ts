import { existsSync, statfsSync } from 'node:fs';
import { markForShutdown, protectFromOom } from '../sys/index.ts';

/** Says that the root directory is an initramfs (systemd, "initrd interface"). */
const INITRD_RELEASE = '/etc/initrd-release';
const RAMFS_MAGIC = 0x8584_58f6;
const TMPFS_MAGIC = 0x0102_1994;

let done = false;

/**
 * Called when this process begins to serve a device of the kernel: file systems depend on it from now on. The kernel does
 * not choose it when memory runs out; and if it was started before the root file system was mounted, which is
 * likely to lie on its device, it outlives the end of all other processes at shutdown.
 */
export function outliveOthers(): void {
  if (done) return;
  done = true;
  protectFromOom();
  if (runsInInitramfs()) markForShutdown(process.title);
}

function runsInInitramfs(): boolean {
  if (existsSync(INITRD_RELEASE)) return true;
  try {
    const { type } = statfsSync('/');
    return type === RAMFS_MAGIC || type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}
