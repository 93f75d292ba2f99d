import { symlink } from 'node:fs/promises';
import { build } from 'esbuild';
import { beforeAll, describe, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { ROOT, workspace } from '../suites/tools.ts';
import { runInQemu } from './harness/qemu.ts';
import type { StepResult, Steps } from './ublk/guest.ts';
import { steps as recovery } from './ublk/recovery.ts';
import { steps as use } from './ublk/use.ts';

const TIMEOUT = 900_000;

describe.skipIf(!requires('qemu', 'mkfs.ext4', 'dmsetup'))("ublk's driver in the kernel", () => {
  const files = workspace();

  // The programs for the guest: made from the sources, so that it need not translate them.
  beforeAll(async () => {
    await build({
      absWorkingDir: ROOT,
      outdir: files.path,
      entryPoints: ['main', 'queue-thread', 'server'].map((name) => `test/kernel/ublk/${name}.ts`),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: ['koffi'],
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
      },
    });
    await symlink(`${ROOT}node_modules`, files.file('node_modules'));
  });

  /** Runs steps in one boot; each is a test here. */
  function inGuest(name: string, steps: Steps): void {
    describe(name, () => {
      const results = new Map<string, StepResult>();
      let output = '';
      beforeAll(async () => {
        const ended = await runInQemu([process.execPath, files.file('main.js'), name], {
          timeout: TIMEOUT - 10_000,
        });
        output = `${ended.stdout}${ended.stderr}`;
        for (const line of ended.stdout.split('\n').filter((text) => text.startsWith('{'))) {
          const result = JSON.parse(line) as StepResult;
          results.set(result.name, result);
        }
      }, TIMEOUT);
      for (const step of Object.keys(steps)) {
        it(step, () => {
          const result = results.get(step);
          if (!result) throw new Error(`the guest did not come to this\n${output}`);
          if (result.error !== undefined) throw new Error(result.error);
        });
      }
    });
  }

  inGuest('use', use);
  inGuest('recovery', recovery);
});
