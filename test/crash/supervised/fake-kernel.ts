import { createServer, type Server, type Socket } from 'node:net';
import { ANSWER_SIZE, type Answer, decodeAnswer, encodeRequest, Incoming, type Request } from './wire.ts';

interface Pending {
  readonly request: Request;
  readonly data: Buffer | undefined;
  readonly resolve: (data: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** A block device whose requests wait, and are made again, when the process that serves them dies. */
export class FakeNode {
  readonly node: string;
  readonly identifier: string;
  size: number;
  /** A file system is mounted, so to speak. */
  used = false;
  /** How often a process has taken it over. */
  recoveries = 0;
  readonly #pending = new Map<number, Pending>();
  #socket: Socket | undefined;
  #last = 0;
  removed = false;

  constructor(node: string, identifier: string, size: number) {
    this.node = node;
    this.identifier = identifier;
    this.size = size;
  }

  get served(): boolean {
    return this.#socket !== undefined;
  }

  get waiting(): number {
    return this.#pending.size;
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.#request({ kind: 'read', offset, length });
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#request({ kind: 'write', offset, length: data.length }, Buffer.from(data));
  }

  async flush(): Promise<void> {
    await this.#request({ kind: 'flush', offset: 0, length: 0 });
  }

  /** A process begins to serve it. */
  serve(socket: Socket, incoming: Incoming): void {
    this.#socket = socket;
    let answer: Answer | undefined;
    const take = (): void => {
      for (;;) {
        if (!answer) {
          const head = incoming.take(ANSWER_SIZE);
          if (!head) return;
          answer = decodeAnswer(head);
        }
        const pending = this.#pending.get(answer.id);
        const reads = pending?.request.kind === 'read' && !answer.failed;
        const data = incoming.take(reads ? (pending?.request.length ?? 0) : 0);
        if (!data) return;
        this.#pending.delete(answer.id);
        if (answer.failed) pending?.reject(new Error('I/O error'));
        else pending?.resolve(data);
        answer = undefined;
      }
    };
    socket.on('data', (chunk: Buffer) => {
      incoming.push(chunk);
      take();
    });
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    for (const pending of this.#pending.values()) this.#send(pending);
  }

  remove(): void {
    this.removed = true;
    for (const { reject } of this.#pending.values()) reject(new Error('the device is gone'));
    this.#pending.clear();
    this.#socket?.destroy();
  }

  #request(what: Omit<Request, 'id'>, data?: Buffer): Promise<Buffer> {
    if (this.removed) return Promise.reject(new Error('the device is gone'));
    return new Promise((resolve, reject) => {
      const request = { ...what, id: ++this.#last };
      const pending = { request, data, resolve, reject };
      this.#pending.set(request.id, pending);
      this.#send(pending);
    });
  }

  #send({ request, data }: Pending): void {
    this.#socket?.write(encodeRequest(request));
    if (data) this.#socket?.write(data);
  }
}

/** What the kernel is to an exporter, in the process of the tests: devices that outlive who serves them. */
export class FakeKernel {
  readonly nodes = new Map<string, FakeNode>();
  readonly #server: Server;
  /** What attaching or taking over is refused with. */
  refusal: string | undefined;
  /** Called for each question before it is answered. */
  onQuestion: (op: string) => void = () => {};

  constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(path, resolve));
  }

  close(): void {
    for (const node of this.nodes.values()) node.remove();
    this.#server.close();
  }

  get(node: string | undefined): FakeNode {
    const found = node === undefined ? undefined : this.nodes.get(node);
    if (!found) throw new Error(`no node ${node}`);
    return found;
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const incoming = new Incoming();
    const receive = (chunk: Buffer): void => {
      incoming.push(chunk);
      const line = incoming.take('line');
      if (!line) return;
      socket.off('data', receive);
      const question = JSON.parse(line.toString()) as Record<string, unknown>;
      this.onQuestion(String(question.op));
      const answer = this.#answer(question);
      socket.write(`${JSON.stringify(answer instanceof FakeNode ? { node: answer.node } : answer)}\n`);
      if (answer instanceof FakeNode) answer.serve(socket, incoming);
    };
    socket.on('data', receive);
  }

  #answer({ op, node, identifier, size }: Record<string, unknown>): FakeNode | object {
    if (op === 'attach') {
      if (this.refusal !== undefined) return { error: this.refusal };
      const made = new FakeNode(`/dev/fake${this.nodes.size}`, String(identifier), Number(size));
      this.nodes.set(made.node, made);
      return made;
    }
    const found = this.nodes.get(String(node));
    if (!found || found.removed) return op === 'remove' ? {} : { error: 'no such device' };
    switch (op) {
      case 'recover':
        if (this.refusal !== undefined) return { error: this.refusal };
        if (found.served || found.identifier !== identifier)
          return { error: 'it is served by another process' };
        found.recoveries++;
        return found;
      case 'remove':
        found.remove();
        return {};
      case 'resize':
        found.size = Number(size);
        return {};
      default:
        return { used: found.used };
    }
  }
}
