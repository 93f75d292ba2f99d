import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { libc } from './ffi.ts';

const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4;

/** What {@link harden} achieved. */
export interface Hardening {
  /** Neither core dumps nor ptrace by other processes of the user (prctl(2), PR_SET_DUMPABLE 0). */
  readonly undumpable: boolean;
  /** The core file size limit is zero. */
  readonly noCoreFile: boolean;
}

/** Keeps this process's memory out of core files and other processes' reach, as far as the system lets it. */
export function harden(): Hardening {
  const c = libc();
  if (!c) return { undumpable: false, noCoreFile: false };
  c.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return {
    undumpable: c.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) === 0,
    noCoreFile: c.setrlimit(RLIMIT_CORE, new Uint8Array(16)) === 0,
  };
}

/** One process, told apart from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot, field 22 of proc_pid_stat(5); '0' where /proc cannot tell. */
  readonly startTime: string;
}

export function thisProcess(): ProcessIdentity {
  return identityOf(process.pid);
}

/** The process that has the number now. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: readStat(pid)?.startTime ?? '0' };
}

/** Whether that very process still runs; one that has ended but was not waited for does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  if (stat) {
    if (stat.state === 'Z' || stat.state === 'X') return false;
    return identity.startTime === '0' || identity.startTime === stat.startTime;
  }
  // No /proc, or (mount option hidepid) none of a hardened process: all that is left is whether the number
  // is in use, and when in doubt it is the same one.
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readStat(pid: number): { state: string; startTime: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may itself contain spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    return state && startTime ? { state, startTime } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Closes what this process inherited beyond `last`: a daemon must not keep its caller's pipes and files
 * open. What Node.js itself has opened is marked close-on-exec, so whatever is not came from outside.
 */
export function closeInheritedDescriptors(last: number): void {
  for (const entry of entries('/proc/self/fd')) {
    const fd = Number(entry);
    if (!(fd > last)) continue;
    try {
      const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0) closeSync(fd);
    } catch {
      // Closed meanwhile, as the descriptor of the listing itself is.
    }
  }
}

const O_CLOEXEC = 0o2_000_000;

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
