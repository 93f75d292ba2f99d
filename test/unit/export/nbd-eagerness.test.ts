import { describe, expect, it } from 'vitest';
import { Eagerness } from '../../../src/export/nbd/socket/eagerness.ts';
import type { Incoming } from '../../../src/export/nbd/socket/incoming.ts';
import { WOULD_WAIT } from '../../../src/sys/stream-socket.ts';

/** A connection on which the next request comes at the `after`-th look; never, if that is 0. */
function incoming(after: number): Incoming & { readonly looks: number } {
  const fake = {
    looks: 0,
    receive: () => {
      fake.looks += 1;
      return after > 0 && fake.looks % after === 0 ? 28 : WOULD_WAIT;
    },
  };
  return fake as unknown as Incoming & { readonly looks: number };
}

describe('looking for the next request before going to sleep', () => {
  it('goes on as long as one comes', () => {
    const eagerness = new Eagerness();
    const prompt = incoming(3);
    for (let request = 0; request < 100; request++) expect(eagerness.receive(prompt, 28)).toBe(28);
    expect(prompt.looks).toBe(300);
  });

  it('is given up for ever longer when none does, and never for good', () => {
    const eagerness = new Eagerness();
    const idle = incoming(0);
    let tried = 0;
    for (let request = 0; request < 4096; request++) {
      const before = idle.looks;
      expect(eagerness.receive(idle, 28)).toBe(WOULD_WAIT);
      if (idle.looks > before) tried += 1;
    }
    // Requests 0, 1, 3, 7 … 1023, and from there on every 1024th.
    expect(tried).toBe(14);
    const prompt = incoming(1);
    while (eagerness.receive(prompt, 28) === WOULD_WAIT);
    expect(eagerness.receive(prompt, 28)).toBe(28);
  });
});
