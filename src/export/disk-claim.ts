import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { fromSystemError, TscryptError } from '../errors.ts';
import { describeUser, deviceUsers } from '../sys/index.ts';
import type { Node } from './node-claim.ts';

/** Opens what it is told to, writes the kernel's cache of it back, says how that went, and holds it until its input ends. */
const HOLDER = `
const fs = require('node:fs');
const [path, flags, flush] = process.argv.slice(1);
try {
  const fd = fs.openSync(path, Number(flags));
  process.stdout.write('open\\n');
  process.stdin.once('data', () => {
    try {
      if (flush === '1') fs.fsyncSync(fd);
      process.stdout.write('done\\n');
    } catch (error) {
      process.stdout.write(error.code + '\\n');
    }
  });
  process.stdin.once('end', () => process.exit(0));
} catch (error) {
  process.stdout.write(error.code + '\\n');
}
`;

/**
 * A disk that this process serves, held for it alone by another process (open(2), O_EXCL). None of our own threads may
 * wait for our own disk: if we were killed meanwhile the kernel would wait for that thread before it took queues and
 * sockets back, and the thread for whoever serves them, and then nothing could free the disk any more.
 */
export class DiskClaim {
  readonly #holder: ChildProcess;

  /**
   * @param flush write back what the kernel's cache has
   * @throws TscryptError DEVICE_BUSY when it is mounted, part of another device, or open in another process
   */
  static async take(node: Node, flush: boolean): Promise<DiskClaim> {
    const mode = (node.readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_EXCL;
    const words = ['-e', HOLDER, '--', node.path, String(mode), flush ? '1' : '0'];
    const holder = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
    const claim = new DiskClaim(holder);
    try {
      const opened = await claim.#answer();
      const busy = opened === 'EBUSY';
      if (opened !== 'open' && !busy) throw refused(node, opened);
      // Who merely has it open claims nothing, and would lose what he has not written yet.
      const users = (await deviceUsers(node.numbers, [holder.pid ?? 0])).map(describeUser);
      if (busy || users.length > 0) throw inUse(node, users);
      holder.stdin?.write('\n');
      const done = await claim.#answer();
      if (done !== 'done') throw refused(node, done);
      return claim;
    } catch (error) {
      await claim.release();
      throw error;
    }
  }

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    // What it could not be told shows in what it does not answer.
    holder.stdin?.on('error', () => {});
    holder.on('error', () => {});
  }

  async release(): Promise<void> {
    const { exitCode, signalCode, pid } = this.#holder;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const exited = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await exited;
  }

  /** @returns a word, or what an absence of one means */
  async #answer(): Promise<string> {
    const { stdout } = this.#holder;
    if (!stdout) return 'EIO';
    const ended = once(stdout, 'end').then(() => 'EIO\n');
    const [chunk] = await Promise.race([once(stdout, 'data'), ended.then((text) => [text])]);
    return String(chunk).trim();
  }
}

function refused(node: Node, code: string): TscryptError {
  const error = Object.assign(new Error(`${code}: opening or flushing it`), { code });
  return fromSystemError(error, `Cannot claim ${node.path}`, { device: node.path });
}

function inUse(node: Node, users: readonly string[]): TscryptError {
  const said = users.length > 0 ? ` (${users.join(', ')})` : '';
  return new TscryptError('DEVICE_BUSY', `${node.path} is in use${said}.`, {
    details: { device: node.path, users },
  });
}
