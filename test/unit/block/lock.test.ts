import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { claimDevice, lockDevice } from '../../../src/block/index.ts';
import { ffiAvailable } from '../../../src/sys/index.ts';
import { requires } from '../../suites/requires.ts';

const directory = mkdtempSync(join(tmpdir(), 'tscrypt-lock-'));
afterAll(() => rmSync(directory, { recursive: true }));

let number = 0;
function image(): string {
  const path = join(directory, `image-${number++}`);
  writeFileSync(path, Buffer.alloc(4096));
  return path;
}

const code = (name: string) => expect.objectContaining({ code: name });

describe.skipIf(!ffiAvailable())('metadata lock of an image (needs foreign functions)', () => {
  it('is shared by readers and kept from a writer', async () => {
    const path = image();
    const readers = [await lockDevice(path, 'read'), await lockDevice(path, 'read')];
    expect(readers.every((lock) => lock.held)).toBe(true);
    await expect(lockDevice(path, 'write', { timeoutMs: 0 })).rejects.toEqual(code('DEVICE_BUSY'));
    for (const lock of readers) await lock.release();
    const writer = await lockDevice(path, 'write', { timeoutMs: 0 });
    await expect(lockDevice(path, 'read', { timeoutMs: 20 })).rejects.toEqual(code('DEVICE_BUSY'));
    await writer.release();
    await writer.release();
  });

  it('is waited for, in turn, by as many as want it', async () => {
    const path = image();
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const lock = await lockDevice(path, 'write');
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
        await lock.release();
      }),
    );
    expect(most).toBe(1);
  });

  it('is the flock that other programs see', async () => {
    const path = image();
    const held = (mode: string): boolean => spawnSync('flock', ['-n', mode, path, 'true']).status !== 0;
    const read = await lockDevice(path, 'read');
    expect([held('-s'), held('-x')]).toEqual([false, true]);
    await read.release();
    const write = await lockDevice(path, 'write');
    expect([held('-s'), held('-x')]).toEqual([true, true]);
    await write.release();
    expect(held('-x')).toBe(false);
  });

  it.skipIf(!requires('cryptsetup'))('is the one that cryptsetup waits for', async () => {
    const path = image();
    writeFileSync(path, Buffer.alloc(32 << 20));
    writeFileSync(`${path}.key`, 'x');
    const pbkdf = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
    execFileSync('cryptsetup', ['luksFormat', '-q', '--type', 'luks2', ...pbkdf, path, `${path}.key`]);
    const readers = await lockDevice(path, 'read');
    execFileSync('cryptsetup', ['luksDump', path]);
    await readers.release();

    const writer = await lockDevice(path, 'write');
    const dump = spawn('cryptsetup', ['luksDump', path], { stdio: 'ignore' });
    const ended = once(dump, 'exit');
    await waitedFor(path);
    expect(dump.exitCode).toBe(null);
    await writer.release();
    expect(await ended).toEqual([0, null]);
  });

  it('follows an image that was replaced while it was waited for', async () => {
    const path = image();
    const first = await lockDevice(path, 'write');
    const second = lockDevice(path, 'write');
    writeFileSync(`${path}.new`, Buffer.alloc(4096));
    renameSync(`${path}.new`, path);
    const lock = await second;
    await first.release();
    expect(spawnSync('flock', ['-n', path, 'true']).status).not.toBe(0);
    await lock.release();
  });

  it('refuses what is no device', async () => {
    await expect(lockDevice(join(directory, 'none'), 'read')).rejects.toEqual(code('NO_SUCH_DEVICE'));
    await expect(lockDevice(directory, 'read')).rejects.toEqual(code('NO_SUCH_DEVICE'));
    await expect(lockDevice('/dev/null', 'read')).rejects.toEqual(code('NO_SUCH_DEVICE'));
  });
});

describe.skipIf(!ffiAvailable() || !requires('root', 'mknod'))(
  'metadata lock of a block device (as root)',
  () => {
    // No driver stands behind this number; the lock only asks for the number.
    const [major, minor] = [240, 1_000_000 + process.pid];
    const node = join(directory, 'disk');
    const lockFile = `/run/cryptsetup/L_${major}:${minor}`;

    it("is cryptsetup's lock file, there only while it is held", async () => {
      execFileSync('mknod', [node, 'b', String(major), String(minor)]);
      const [a, b] = [await lockDevice(node, 'read'), await lockDevice(node, 'read')];
      expect(statSync('/run/cryptsetup').mode & 0o777).toBe(0o700);
      expect(existsSync(lockFile)).toBe(true);
      await a.release();
      expect(existsSync(lockFile)).toBe(true);
      await b.release();
      expect(existsSync(lockFile)).toBe(false);
    });

    it('keeps its meaning while the file comes and goes', async () => {
      let inside = 0;
      let most = 0;
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const lock = await lockDevice(node, 'write');
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
          await lock.release();
        }),
      );
      expect(most).toBe(1);
      expect(existsSync(lockFile)).toBe(false);
    });
  },
);

describe.skipIf(!ffiAvailable())('mark of a device in use (needs foreign functions)', () => {
  it('allows many readers or one writer', async () => {
    const path = image();
    const readers = [await claimDevice(path, 'read'), await claimDevice(path, 'read')];
    await expect(claimDevice(path, 'write')).rejects.toEqual(code('DEVICE_BUSY'));
    for (const claim of readers) await claim.release();
    const writer = await claimDevice(path, 'write');
    await expect(claimDevice(path, 'write')).rejects.toEqual(code('DEVICE_BUSY'));
    await expect(claimDevice(path, 'read')).rejects.toEqual(code('DEVICE_BUSY'));
    await writer.release();
    await (await claimDevice(path, 'write')).release();
  });

  it('lets one of several simultaneous writers through', async () => {
    const path = image();
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => claimDevice(path, 'write')));
    const won = results.filter((result) => result.status === 'fulfilled');
    expect(won.length).toBe(1);
    await won[0]?.value.release();
  });

  it('allows several writers that say so', async () => {
    const path = image();
    const claims = [
      await claimDevice(path, 'write', { shared: true }),
      await claimDevice(path, 'write', { shared: true }),
    ];
    await expect(claimDevice(path, 'write')).rejects.toEqual(code('DEVICE_BUSY'));
    for (const claim of claims) await claim.release();
  });

  it('does not stand in the way of the metadata lock', async () => {
    const path = image();
    const claim = await claimDevice(path, 'write');
    const lock = await lockDevice(path, 'write', { timeoutMs: 0 });
    expect(lock.held).toBe(true);
    await lock.release();
    await claim.release();
  });

  it.skipIf(!requires('qemu-io'))('is respected by QEMU, and the reverse', async () => {
    const path = image();
    const open = (...options: string[]) =>
      spawnSync('qemu-io', ['-f', 'raw', ...options, '-c', 'read 0 512', path], { encoding: 'utf8' });
    expect(open().status).toBe(0);
    const claim = await claimDevice(path, 'write');
    expect(open().stderr).toContain('lock');
    await claim.release();
    const qemu = spawn('qemu-io', ['-f', 'raw', path], { stdio: ['pipe', 'pipe', 'ignore'] });
    qemu.stdin.write('read 0 512\n');
    await once(qemu.stdout, 'data');
    await expect(claimDevice(path, 'write')).rejects.toEqual(code('DEVICE_BUSY'));
    qemu.stdin.end('quit\n');
    await once(qemu, 'exit');
    await (await claimDevice(path, 'write')).release();
  });
});

/** Returns when somebody waits for a flock on the file: its line in /proc/locks begins with an arrow. */
async function waitedFor(path: string): Promise<void> {
  const waiter = new RegExp(`-> FLOCK .*:${statSync(path).ino} `);
  while (!waiter.test(readFileSync('/proc/locks', 'latin1')))
    await new Promise((resolve) => setTimeout(resolve, 5));
}
