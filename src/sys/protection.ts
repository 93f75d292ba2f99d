import { ffiAvailable } from './ffi.ts';
import { createSecretMemory, type SecretMemory } from './memory.ts';
import { type Hardening, harden } from './process.ts';

/** How well this process guards its secrets, for `--debug` output and the daemon's status. */
export interface Protection extends Hardening {
  /** Secrets live in memory locked into RAM. */
  readonly memoryLocked: boolean;
  /** What could not be done, one sentence each; empty when all is well. */
  readonly shortcomings: readonly string[];
}

let protection: Protection | undefined;

/**
 * Called once at the start of a program that handles keys (never by the library in somebody else's
 * process): no core files, no ptrace, no inspector, secrets in locked memory. What the system does not allow is
 * reported, not fatal. Later calls return the first one's result.
 *
 * @param useSecretAllocator crypto's function of that name; sys does not know crypto
 */
export function protectProcess(useSecretAllocator: (memory: SecretMemory) => void): Protection {
  if (protection) return protection;
  // Without a listener of ours, Node would open its inspector, and with it this process's memory, on a TCP port.
  process.on('SIGUSR1', () => {});
  const hardening = harden();
  const memory = createSecretMemory();
  if (memory) useSecretAllocator(memory);
  const memoryLocked = memory !== undefined && memory.locked === memory.mapped;
  const shortcomings: string[] = [];
  if (!ffiAvailable()) {
    shortcomings.push(
      'Foreign functions are not available: keys are in ordinary memory, core dumps are possible.',
    );
  } else {
    if (!hardening.undumpable)
      shortcomings.push('Other processes of this user can read the memory of this one.');
    if (!hardening.noCoreFile) shortcomings.push('Core files could not be switched off.');
    if (!memoryLocked)
      shortcomings.push('Keys can be swapped out: raise the limit of locked memory (ulimit -l).');
  }
  protection = { ...hardening, memoryLocked, shortcomings };
  return protection;
}
