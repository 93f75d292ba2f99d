import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import {
  checkSocketPaths,
  devicePaths,
  ensureRuntimeDirectory,
  runtimeDirectory,
} from '../../../src/daemon/runtime-directory.ts';
import { requires } from '../../suites/requires.ts';

const base = mkdtempSync(join(tmpdir(), 'tscrypt-run-'));
afterAll(() => rmSync(base, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const code = (name: string) => expect.objectContaining({ code: name });

describe('runtime directory', () => {
  it('is the one named, made private', () => {
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', join(base, 'deep', 'run'));
    expect(ensureRuntimeDirectory()).toBe(join(base, 'deep', 'run'));
    expect(statSync(join(base, 'deep', 'run')).mode & 0o777).toBe(0o700);
  });

  it('must not be writable by others, a link, or somebody else’s', () => {
    const open = join(base, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', open);
    expect(() => ensureRuntimeDirectory()).toThrow(code('PERMISSION_DENIED'));
    symlinkSync(base, join(base, 'link'));
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', join(base, 'link'));
    expect(() => ensureRuntimeDirectory()).toThrow(code('PERMISSION_DENIED'));
  });

  it.skipIf(!requires('root'))('must be owned by the user (as root)', () => {
    const other = join(base, 'other');
    mkdirSync(other, { mode: 0o700 });
    chownSync(other, 65534, 65534);
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', other);
    expect(() => ensureRuntimeDirectory()).toThrow(code('PERMISSION_DENIED'));
  });

  it('follows the user, and XDG_RUNTIME_DIR only if that is the user’s', () => {
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', '');
    vi.stubEnv('XDG_RUNTIME_DIR', base);
    vi.spyOn(process, 'geteuid').mockReturnValue(0);
    expect(runtimeDirectory()).toBe('/run/tscrypt');
    const uid = statSync(base).uid;
    vi.spyOn(process, 'geteuid').mockReturnValue(uid + 1);
    expect(runtimeDirectory()).toBe(`/tmp/tscrypt-${uid + 1}`);
    vi.stubEnv('XDG_RUNTIME_DIR', 'relative');
    expect(runtimeDirectory()).toBe(`/tmp/tscrypt-${uid + 1}`);
    vi.restoreAllMocks();
  });

  it('refuses names whose sockets could not be reached', () => {
    const room = 107 - '/run/tscrypt/'.length - '/control.sock'.length;
    expect(() => checkSocketPaths(devicePaths('/run/tscrypt', 'n'.repeat(room)))).not.toThrow();
    expect(() => checkSocketPaths(devicePaths('/run/tscrypt', 'n'.repeat(room + 1)))).toThrow(
      code('INVALID_ARGUMENT'),
    );
  });
});
