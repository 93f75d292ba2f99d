import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { KernelExportState } from '../../../src/export/kernel-export.ts';
import type { ServerRequest } from './server.ts';

/** A process that serves a device (server.ts). */
export class Server {
  readonly #child: ChildProcess;
  #state: KernelExportState | undefined;

  private constructor() {
    this.#child = fork(new URL('./server.js', import.meta.url));
  }

  /** Returns when the device is there. */
  static async start(request: ServerRequest): Promise<Server> {
    const server = new Server();
    await server.ask(request);
    return server;
  }

  /** Returns as soon as a request waits for an answer that never comes. */
  static async startHanging(request: ServerRequest): Promise<Server> {
    const server = new Server();
    await server.askInVain(request);
    return server;
  }

  get state(): KernelExportState {
    if (!this.#state) throw new Error('no device yet');
    return this.#state;
  }

  get node(): string {
    return this.state.node;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ask(message: ServerRequest | 'leave' | 'detach'): Promise<void> {
    this.#child.send(message);
    const [answer] = await once(this.#child, 'message');
    if (answer.error) throw Object.assign(new Error(answer.error), { code: answer.code });
    this.#state = answer.state;
  }

  /** What ends in a request that is never answered. */
  async askInVain(message: ServerRequest | 'detach'): Promise<void> {
    this.#child.send(message);
    const [answer] = await once(this.#child, 'message');
    if (!answer.hanging) throw new Error(JSON.stringify(answer));
  }

  /** Returns when the process is gone. */
  async kill(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }
}
