import { spawn } from 'node:child_process';
import { fromSystemError, TscryptError } from '../errors.ts';

/** Nothing is written that would change nothing: that would wait as well. */
const SCRIPT = '[ "$(cat "$2")" = "$1" ] || printf %s "$1" >"$2"';

/**
 * Sets what sysfs offers in a disk's `queue` directory (Documentation/ABI/stable/sysfs-block).
 *
 * The kernel lets all requests of the disk finish first, and whoever writes the attribute cannot even be killed
 * meanwhile. So that is another process: a server that died while its own thread waits there would never
 * let go of the connection on which the requests depend.
 *
 * @param disk its name in /sys/block
 * @throws TscryptError IO_ERROR when the kernel refuses
 */
export async function setQueueAttribute(disk: string, name: string, value: number): Promise<void> {
  const path = `/sys/block/${disk}/queue/${name}`;
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', String(value), path], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).catch((error) => {
    throw fromSystemError(error, `Cannot set ${path}`, { path });
  });
  if (status === 0) return;
  throw new TscryptError('IO_ERROR', `Cannot set ${path} to ${value}.`, { details: { path, value } });
}
