import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { BlockDevice } from '../../../src/block/device.ts';
import { TscryptError } from '../../../src/errors.ts';
import type {
  AttachOptions,
  KernelExport,
  KernelExporter,
  KernelExportState,
} from '../../../src/export/kernel-export.ts';
import { decodeRequest, encodeAnswer, Incoming, REQUEST_SIZE, type Request } from './wire.ts';

/** The fake kernel listens beside the runtime directory. */
function kernelSocket(deviceDirectory: string): string {
  return join(dirname(dirname(deviceDirectory)), 'kernel.sock');
}

interface Answered {
  readonly socket: Socket;
  readonly answer: Record<string, unknown>;
  /** What came behind the answer. */
  readonly incoming: Incoming;
}

/** One question to the fake kernel. The socket is paused then. */
async function ask(path: string, question: object): Promise<Answered> {
  const socket = connect(path);
  socket.on('error', () => socket.destroy());
  socket.write(`${JSON.stringify(question)}\n`);
  const incoming = new Incoming();
  const line = await new Promise<Buffer>((resolve, reject) => {
    const receive = (chunk: Buffer): void => {
      incoming.push(chunk);
      const taken = incoming.take('line');
      if (!taken) return;
      socket.off('data', receive);
      socket.pause();
      resolve(taken);
    };
    socket.on('data', receive);
    socket.once('close', () => reject(new TscryptError('CONNECTION_LOST', 'The kernel is gone.')));
  });
  const answer = JSON.parse(line.toString()) as Record<string, unknown>;
  if (typeof answer.error === 'string') {
    socket.destroy();
    throw new TscryptError('IO_ERROR', answer.error);
  }
  return { socket, answer, incoming };
}

class SocketExport implements KernelExport {
  readonly kind = 'ublk';
  readonly numbers = undefined;
  readonly queues = 1;
  readonly node: string;
  readonly ended: Promise<void>;
  readonly #path: string;
  readonly #socket: Socket;
  readonly #device: BlockDevice;
  readonly #incoming: Incoming;
  readonly #serving = new Set<Promise<void>>();
  #next: Request | undefined;
  #leaving = false;
  #served = 0;

  constructor(node: string, path: string, { socket, incoming }: Answered, device: BlockDevice) {
    this.node = node;
    this.#path = path;
    this.#socket = socket;
    this.#incoming = incoming;
    this.#device = device;
    socket.on('data', (chunk: Buffer) => {
      this.#incoming.push(chunk);
      this.#take();
    });
    socket.resume();
    setImmediate(() => this.#take());
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        if (!this.#leaving) resolve();
      });
    });
  }

  get state(): KernelExportState {
    return { kind: this.kind, node: this.node, socket: this.#path };
  }

  async counters() {
    const none = { reads: 0, readBytes: 0, writes: 0, writtenBytes: 0, flushes: 0, errors: 0 };
    return { ...none, others: this.#served };
  }

  async resize(size: number): Promise<void> {
    (await ask(this.#path, { op: 'resize', node: this.node, size })).socket.destroy();
  }

  async inUse(): Promise<boolean> {
    const { socket, answer } = await ask(this.#path, { op: 'status', node: this.node });
    socket.destroy();
    return answer.used === true;
  }

  async detach({ force = false } = {}): Promise<void> {
    if (!force && (await this.inUse())) throw new TscryptError('DEVICE_BUSY', `${this.node} is in use.`);
    const gone = once(this.#socket, 'close');
    (await ask(this.#path, { op: 'remove', node: this.node })).socket.destroy();
    await gone;
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    this.#socket.pause();
    await Promise.allSettled(this.#serving);
    await new Promise<void>((resolve) => this.#socket.end(resolve));
    this.#socket.destroy();
  }

  #take(): void {
    while (!this.#leaving) {
      if (!this.#next) {
        const head = this.#incoming.take(REQUEST_SIZE);
        if (!head) return;
        this.#next = decodeRequest(head);
      }
      const request = this.#next;
      const data = this.#incoming.take(request.kind === 'write' ? request.length : 0);
      if (!data) return;
      this.#next = undefined;
      const serving = this.#serve(request, data);
      this.#serving.add(serving);
      void serving.finally(() => this.#serving.delete(serving));
    }
  }

  async #serve({ id, kind, offset, length }: Request, data: Buffer): Promise<void> {
    this.#served++;
    const result = kind === 'read' ? Buffer.alloc(length) : Buffer.alloc(0);
    let failed = false;
    try {
      if (kind === 'read') await this.#device.read(offset, result);
      else if (kind === 'write') await this.#device.write(offset, data);
      else await this.#device.flush();
    } catch {
      failed = true;
    }
    this.#socket.write(Buffer.concat([encodeAnswer({ id, failed }), failed ? Buffer.alloc(0) : result]));
  }
}

/** Shows devices through the fake kernel, as ublk would: requests that a dead process did not answer come again. */
export const socketExporter: KernelExporter = {
  kind: 'ublk',
  availability: async () => ({ usable: true }),
  async attach(device: BlockDevice, options: AttachOptions): Promise<KernelExport> {
    const path = kernelSocket(options.directory);
    const { identifier, name } = options;
    const answered = await ask(path, { op: 'attach', name, identifier, size: device.size });
    return new SocketExport(String(answered.answer.node), path, answered, device);
  },
  async recover(device, state, { identifier }): Promise<KernelExport> {
    const path = String(state.socket);
    const answered = await ask(path, { op: 'recover', node: state.node, identifier });
    return new SocketExport(state.node, path, answered, device);
  },
  async remove(state): Promise<void> {
    (await ask(String(state.socket), { op: 'remove', node: state.node })).socket.destroy();
  },
};
