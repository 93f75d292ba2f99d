import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll } from 'vitest';
import { type DeviceInfo, findDevice } from '../../../src/daemon/index.ts';
import { DaemonHarness, until } from '../daemon-harness.ts';
import { FakeKernel, type FakeNode } from './fake-kernel.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

/**
 * {@link DaemonHarness} with programs of its own, whose daemon shows devices through a {@link FakeKernel}, and with
 * that kernel.
 */
export class SupervisedHarness extends DaemonHarness {
  readonly kernel = new FakeKernel();
  #programs = '';

  constructor() {
    super();
    beforeAll(async () => {
      this.#programs = join(this.directory, 'package/dist/programs');
      // The test file's mock of package-layout.ts looks there.
      process.env.TEST_PROGRAMS = this.#programs;
      mkdirSync(this.#programs, { recursive: true });
      symlinkSync(join(ROOT, 'node_modules'), join(this.directory, 'package/node_modules'));
      writeFileSync(join(this.directory, 'package/package.json'), '{"version":"0.0.0","type":"module"}');
      await this.install('tscryptd', 'test/crash/supervised/daemon-program.ts');
      await this.install('queue-thread', 'src/daemon/queues/main.ts');
      await this.install('tscrypt-supervisor', 'src/daemon/supervisor/main.ts');
      await this.kernel.listen(join(this.directory, 'kernel.sock'));
    });
    afterAll(() => this.kernel.close());
  }

  /** Puts a program where daemons and supervisors look for it. */
  async install(name: string, source: string): Promise<void> {
    await build({
      absWorkingDir: ROOT,
      entryPoints: { [name]: source },
      outdir: this.#programs,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: ['koffi', 'argon2'],
      logLevel: 'error',
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
      },
    });
  }

  /** The supervisor's process, if there is one. */
  get supervisor(): number | undefined {
    return this.#supervisorFiles('owner')[0];
  }

  /** The daemons that it guards. */
  get guarded(): number[] {
    return this.#supervisorFiles('guard');
  }

  /** What was written to all logs. */
  get logs(): string {
    return readdirSync(this.runtime)
      .map((name) => join(this.runtime, name, 'log'))
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, 'utf8'))
      .join('');
  }

  node(info: DeviceInfo): FakeNode {
    return this.kernel.get(info.export.node);
  }

  /** The device once another daemon than `pid` serves it. */
  async succeeded(name: string, pid: number): Promise<DeviceInfo> {
    let info: DeviceInfo | undefined;
    await until(async () => {
      info = await findDevice(name).catch(() => undefined);
      return info !== undefined && info.pid !== pid;
    });
    return info!;
  }

  #supervisorFiles(kind: string): number[] {
    const directory = readdirSync(this.runtime).find((name) => name.startsWith('.supervisor.'));
    if (directory === undefined) return [];
    return readdirSync(join(this.runtime, directory)).flatMap((file) => {
      const [, found, pid] = /^(owner|guard)\.(\d+)\./.exec(file) ?? [];
      return found === kind ? Number(pid) : [];
    });
  }
}
