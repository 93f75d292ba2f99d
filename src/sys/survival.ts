import { readFileSync, writeFileSync } from 'node:fs';

const NEVER = -1000;

/**
 * Keeps the kernel from choosing this process when memory runs out (proc_pid_oom_score_adj(5)): whoever waits for a disk
 * would hang without it, and memory that waits to be written to that disk could never be freed.
 *
 * @returns whether that was allowed; it takes CAP_SYS_RESOURCE
 */
export function protectFromOom(): boolean {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(NEVER));
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes systemd leave this process alone when it ends all others at shutdown: for a daemon that carries the root file
 * system, and for no other. The sign is an `@` at the very beginning of the command line of a process of root
 * (systemd.io, "Storage Daemons for the Root File System"); the rest of the command line is lost with it.
 *
 * @param title what `ps` shows after the sign; cut where the command line was shorter
 * @returns whether the sign is there
 */
export function markForShutdown(title: string): boolean {
  // Written over the arguments that the kernel shows of this process.
  process.title = `@${title}`;
  try {
    return readFileSync('/proc/self/cmdline', 'latin1').startsWith('@');
  } catch {
    return false;
  }
}
