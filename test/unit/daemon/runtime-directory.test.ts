import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { closeDevice, findDevice, listDevices } from '../../../src/daemon/index.ts';
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

  it('is not looked into either unless it is the user’s alone: what is there would be believed and cleared away', async () => {
    const open = join(base, 'planted');
    // Left by a dead process, so that whoever finds it removes it.
    const device = join(open, 'disk');
    mkdirSync(device, { recursive: true });
    writeFileSync(join(device, 'owner.4194305.1.00'), '');
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', open);
    chmodSync(open, 0o777);
    const refused = { code: 'PERMISSION_DENIED' };
    await expect(findDevice('disk')).rejects.toMatchObject(refused);
    await expect(closeDevice('disk')).rejects.toMatchObject(refused);
    await expect(listDevices()).rejects.toMatchObject(refused);
    expect(existsSync(device)).toBe(true);
    const elsewhere = join(base, 'planted-link');
    chmodSync(open, 0o700);
    symlinkSync(open, elsewhere);
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', elsewhere);
    await expect(findDevice('disk')).rejects.toMatchObject(refused);
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', open);
    expect(await findDevice('disk')).toBeUndefined();
    expect(existsSync(device)).toBe(false);
    vi.stubEnv('TSCRYPT_RUNTIME_DIR', join(base, 'none'));
    expect(await findDevice('disk')).toBeUndefined();
    expect(await listDevices()).toEqual([]);
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
