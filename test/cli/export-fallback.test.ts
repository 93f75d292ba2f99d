import { chmod, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { ROOT, run, type Workspace, workspace } from '../suites/tools.ts';

/** A container's /dev: no disks, no loop devices, no FUSE, no NBD, no ublk. */
const PLAIN_DEV = `
mount -t tmpfs -o mode=755 none /dev
for node in null:3 zero:5 urandom:9 random:8; do mknod -m 666 /dev/\${node%:*} c 1 \${node#*:}; done
mkdir /dev/shm && mount -t tmpfs -o mode=1777 none /dev/shm
`;

const LINE =
  /^plain is no block device here, only an NBD export on a socket \(tscrypt doctor says why\)\.\n$/;

describe.skipIf(!requires('build', 'root', 'unshare', 'setpriv'))('where the kernel offers nothing', () => {
  const rootFiles = workspace();
  const userFiles = workspace();
  const tscrypt = `${process.execPath} ${join(ROOT, 'bin/tscrypt.js')}`;

  /** In a mount namespace without devices; as another user if `prefix` says so. */
  function inContainer(files: Workspace, prefix: string, commands: string) {
    const script = `set -e\n${PLAIN_DEV}\nexec ${prefix} sh -ec '${commands}'`;
    return run('unshare', ['--mount', 'sh', '-c', script], {
      env: { ...files.env, TSCRYPT_EXPORT: undefined, HOME: files.path },
      cwd: files.path,
    });
  }

  it.each([
    ['root', ''],
    ['a user', 'setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs'],
  ])('a volume opened by %s is an NBD export, and one line says so', async (who, prefix) => {
    const files = prefix === '' ? rootFiles : userFiles;
    const directory = files.path;
    await chmod(directory, 0o755);
    if (prefix !== '') {
      await chown(directory, 65534, 65534);
      await run('chown', ['-R', '65534:65534', directory]);
    }
    const image = `image-${prefix.length}`;
    const result = await inContainer(
      files,
      prefix,
      `
      umask 077
      truncate -s 20M ${image}
      printf secret > key
      ${tscrypt} luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key ${image}
      ${tscrypt} open --key-file key ${image} plain
      ${tscrypt} status plain | grep -q "export: *nbd+unix:///plain"
      ${tscrypt} close plain
      `,
    );
    expect(result, who).toMatchObject({ status: 0, stdout: '' });
    expect(result.stderr).toMatch(LINE);
  });

  it('a facility that was asked for by name is an error, with what would help', async () => {
    const result = await inContainer(
      rootFiles,
      '',
      `
      truncate -s 20M other
      printf secret > key
      ${tscrypt} luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key other
      for kind in ublk nbd fuse; do
        status=0
        ${tscrypt} open --export $kind --key-file key other plain || status=$?
        echo $status
      done
      ${tscrypt} status plain || true
      `,
    );
    expect(result.stdout).toBe('1\n1\n1\nplain is inactive.\n');
    expect(result.stderr.trim().split('\n').length).toBeGreaterThanOrEqual(6);
  });
});
