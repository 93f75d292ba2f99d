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

/**
 * Writes to a node without pause, and knows what must be there: each block is written with ever higher numbers, of
 * which it must hold the last one that was acknowledged, or one that was under way.
 */
export class Load {
  readonly #node: FakeNode;
  readonly #blocks: number;
  readonly #acknowledged: number[];
  readonly #started: number[];
  #stopped = false;
  readonly #writers: Promise<void>[];
  acknowledgements = 0;

  constructor(node: FakeNode, { blocks = 64, writers = 4 } = {}) {
    this.#node = node;
    this.#blocks = blocks;
    this.#acknowledged = new Array<number>(blocks).fill(0);
    this.#started = new Array<number>(blocks).fill(0);
    this.#writers = Array.from({ length: writers }, (_, writer) => this.#write(writer, writers));
  }

  /** Ends the writers, and compares. Rejects when a request failed or a block is not as it must be. */
  async check(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
    for (let block = 0; block < this.#blocks; block++) {
      const bytes = await this.#node.read(block * BLOCK, BLOCK);
      const found = bytes.readUInt32LE(0);
      const whole = bytes.equals(content(block, found)) || (found === 0 && this.#acknowledged[block] === 0);
      if (!whole || found < this.#acknowledged[block]! || found > this.#started[block]!)
        throw new Error(`block ${block} is ${found}, acknowledged ${this.#acknowledged[block]}`);
    }
  }

  async #write(writer: number, step: number): Promise<void> {
    for (let number = 1; !this.#stopped; number++) {
      for (let block = writer; block < this.#blocks && !this.#stopped; block += step) {
        this.#started[block] = number;
        await this.#node.write(block * BLOCK, content(block, number));
        this.#acknowledged[block] = number;
        this.acknowledgements++;
      }
    }
  }
}

const BLOCK = 4096;

function content(block: number, number: number): Buffer {
  const bytes = Buffer.alloc(BLOCK, `${block} ${number} `);
  bytes.writeUInt32LE(number, 0);
  return bytes;
}
