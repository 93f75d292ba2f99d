import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createSecretMemory, ffiAvailable } from '../../../src/sys/index.ts';

describe.skipIf(!ffiAvailable())('memory for secrets (needs foreign functions)', () => {
  const memory = createSecretMemory()!;

  it('gives zeroed memory of the length asked for, with a buffer that shows nothing else', () => {
    for (const length of [0, 1, 31, 32, 33, 64, 512, 4096, 4097, 250_000]) {
      const bytes = memory.allocate(length);
      expect(bytes.length).toBe(length);
      expect(bytes.buffer.byteLength).toBe(Math.max(length, 1));
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      bytes.fill(0xaa);
      memory.release(bytes);
    }
  });

  it('keeps live secrets apart', () => {
    const all = Array.from({ length: 300 }, (_, i) => memory.allocate(64).fill(i & 0xff));
    all.forEach((bytes, i) => {
      expect(bytes.every((byte) => byte === (i & 0xff))).toBe(true);
    });
    for (const bytes of all) memory.release(bytes);
  });

  it('wipes what is given back and uses it again', () => {
    const before = memory.mapped;
    for (let i = 0; i < 10_000; i++) {
      const bytes = memory.allocate(64);
      expect(bytes[0]).toBe(0);
      bytes.fill(0xff);
      memory.release(bytes);
      expect(bytes[63]).toBe(0);
    }
    expect(memory.mapped).toBe(before);
  });

  it('refuses memory released twice or not its own', () => {
    const bytes = memory.allocate(32);
    memory.release(bytes);
    expect(() => memory.release(bytes)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect(() => memory.release(new Uint8Array(32))).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('never hands out memory that somebody still writes to', () => {
    const own = createSecretMemory()!;
    const stale = own.allocate(2048);
    own.release(stale);
    stale[5] = 1;
    for (let i = 0; i < 100; i++) expect(own.allocate(2048).every((byte) => byte === 0)).toBe(true);
    expect(stale[5]).toBe(1);
  });

  it('is locked into RAM, left out of core dumps and wiped in children', () => {
    const bytes = memory.allocate(64);
    bytes.fill(1);
    const flags = mappingFlags(memory);
    expect(flags).toContain('dd');
    expect(flags).toContain('wf');
    if (memory.locked === memory.mapped) expect(flags).toContain('lo');
    memory.release(bytes);
  });
});

/** VmFlags of the mapping of 64 KiB that is marked both dd and wf: the arena (proc_pid_smaps(5)). */
function mappingFlags(memory: { mapped: number }): string[] {
  expect(memory.mapped).toBeGreaterThan(0);
  const lines = readFileSync('/proc/self/smaps', 'latin1').split('\n');
  const flags = lines.filter((line) => line.startsWith('VmFlags:')).map((line) => line.split(/\s+/));
  return flags.find((words) => words.includes('dd') && words.includes('wf')) ?? [];
}
