import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CAP_SYS_ADMIN, ffiAvailable, hasCapability, withoutCapability } from '../../../src/sys/index.ts';

const CAP_CHOWN = 0;

/** As the kernel says it. */
function effective(): string | undefined {
  return /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1'))?.[1];
}

describe.skipIf(!ffiAvailable())('capabilities (needs foreign functions)', () => {
  it('are those that the kernel tells', () => {
    const mask = BigInt(`0x${effective()}`);
    for (const capability of [CAP_CHOWN, CAP_SYS_ADMIN, 38]) {
      expect(hasCapability(capability)).toBe(((mask >> BigInt(capability)) & 1n) === 1n);
    }
  });

  it('are missing for a while, and there again, whatever happens', () => {
    const before = effective();
    const [had, during] = [
      hasCapability(CAP_CHOWN),
      withoutCapability(CAP_CHOWN, () => hasCapability(CAP_CHOWN)),
    ];
    expect(during).toBe(false);
    expect(hasCapability(CAP_CHOWN)).toBe(had);
    expect(() =>
      withoutCapability(CAP_CHOWN, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(effective()).toBe(before);
  });
});
