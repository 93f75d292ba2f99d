import { readFileSync } from 'node:fs';

/** Bytes of memory that this process may lock (RLIMIT_MEMLOCK); Infinity for no limit, undefined where /proc cannot tell. */
export function lockedMemoryLimit(): number | undefined {
  try {
    const soft = /^Max locked memory\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    if (soft === undefined) return undefined;
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return undefined;
  }
}
