import { readFileSync } from 'node:fs';

/** Numbers of capabilities (capabilities(7)). */
export const CAP_SYS_ADMIN = 21;

/** Whether this process has a capability in effect. */
export function hasCapability(capability: number): boolean {
  try {
    const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(capability)) & 1n) === 1n;
  } catch {
    return false;
  }
}
