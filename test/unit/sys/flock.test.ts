import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ffiAvailable, flock, funlock, isByteLocked, lockByte } from '../../../src/sys/index.ts';

const directory = mkdtempSync(join(tmpdir(), 'tscrypt-flock-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe.skipIf(!ffiAvailable())('file locks (need foreign functions)', () => {
  it('lets readers in together and a writer only alone', () => {
    const path = join(directory, 'flock');
    const [a, b, c] = [openSync(path, 'w+'), openSync(path, 'r'), openSync(path, 'r+')];
    expect(flock(a, 'shared')).toBe('locked');
    expect(flock(b, 'shared')).toBe('locked');
    expect(flock(c, 'exclusive')).toBe('busy');
    funlock(a);
    closeSync(b);
    expect(flock(c, 'exclusive')).toBe('locked');
    expect(flock(a, 'shared')).toBe('busy');
    for (const fd of [a, c]) closeSync(fd);
  });

  it('reports other failures with their errno', () => {
    expect(() => flock(9999, 'shared')).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'flock' }));
    expect(() => lockByte(9999, 'read', 0)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => isByteLocked(9999, 0)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('locks single bytes for an open file, apart from flock', () => {
    const path = join(directory, 'bytes');
    const [a, b] = [openSync(path, 'w+'), openSync(path, 'r+')];
    expect(flock(a, 'exclusive')).toBe('locked');
    expect(lockByte(a, 'read', 101)).toBe('locked');
    expect(lockByte(b, 'read', 101)).toBe('locked');
    expect(lockByte(b, 'write', 101)).toBe('busy');
    expect(lockByte(b, 'write', 102)).toBe('locked');
    expect(isByteLocked(b, 101)).toBe(true);
    expect(isByteLocked(a, 102)).toBe(true);
    expect(isByteLocked(a, 103)).toBe(false);
    expect(isByteLocked(b, 102)).toBe(false);
    closeSync(b);
    expect(isByteLocked(a, 102)).toBe(false);
    closeSync(a);
  });
});
