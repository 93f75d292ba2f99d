import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { requires, SEARCH_PATH } from '../suites/requires.ts';
import { check, ROOT, workspace } from '../suites/tools.ts';

/** The README's examples, run as they stand there. */
describe.skipIf(!requires('build', 'nbdcopy', 'mkfs.ext4'))('README.md', () => {
  const files = workspace();
  let readme: string;

  beforeAll(async () => {
    readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    // As if installed: the programs on the PATH, the library in node_modules.
    await mkdir(files.file('bin'));
    for (const program of ['tscrypt', 'tsdmsetup']) {
      const path = files.file(`bin/${program}`);
      await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${ROOT}bin/${program}.js' "$@"\n`);
      await chmod(path, 0o755);
    }
    await writeFile(files.file('package.json'), '{}');
    await mkdir(files.file('node_modules'));
    await symlink(resolve(ROOT), files.file('node_modules/tscrypt'));
  });

  /** The blocks of code in that language, which are that many. */
  function examples(language: string, count: number): string[] {
    const blocks = readme.split('```').filter((block) => block.startsWith(`${language}\n`));
    expect(blocks).toHaveLength(count);
    return blocks.map((block) => block.slice(language.length + 1));
  }

  const runInShell = (script: string, before: readonly string[] = [], env = {}) => {
    const [command = '', ...words] = [...before, 'bash', '-eu', '-o', 'pipefail', '-c', script];
    return check(command, words, {
      cwd: files.path,
      env: { ...files.env, PATH: [files.file('bin'), ...SEARCH_PATH].join(':'), ...env },
      // It formats at full cost.
      timeout: 150_000,
    });
  };

  it('has a session of six lines that works', { timeout: 180_000 }, async () => {
    const session = examples('sh', 3)[0]!;
    expect(session.trim().split('\n')).toHaveLength(6);
    await runInShell(session);
    expect((await stat(files.file('disk.img'))).size).toBe(64 * 1024 * 1024);
  });

  it.skipIf(!requires('root', 'fuse', 'loop', 'unshare'))(
    'has a block device that works, on what the session left',
    { timeout: 180_000 },
    async () => {
      // Whatever this machine has besides, and without mounting anything over its /mnt.
      await runInShell(examples('sh', 3)[1]!, ['unshare', '--mount'], { TSCRYPT_EXPORT: 'fuse' });
    },
  );

  it('has mapped devices that work', async () => {
    const { stdout } = await runInShell(examples('sh', 3)[2]!);
    expect(stdout).toMatch(/^hidden \(\d+:1\)\n `-whole \(\d+:0\)\n/);
    expect(stdout).toContain(`0 131072 crypt aes-xts-plain64 ${'0'.repeat(64)} 0 `);
  });

  it('has a program that works, on what the session left', { timeout: 180_000 }, async () => {
    await writeFile(files.file('example.mjs'), examples('js', 1)[0]!);
    await check(process.execPath, ['example.mjs'], { cwd: files.path, env: files.env, timeout: 150_000 });
  });

  it('names files and scripts that are there', async () => {
    const scripts = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).scripts;
    for (const [, script] of readme.matchAll(/npm run ([a-z]+)/g)) expect(scripts).toHaveProperty(script!);
    for (const [name] of readme.matchAll(/\b(?:docs\/)?[A-Za-z][A-Za-z-]*\.md\b|\btest\/[a-z]+/g)) {
      await expect(stat(join(ROOT, name)), name).resolves.toBeDefined();
    }
  });
});
