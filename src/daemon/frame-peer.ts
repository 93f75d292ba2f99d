import type { Socket } from 'node:net';
import { TscryptError } from '../errors.ts';
import { decodeError, encodeError } from './error-transfer.ts';
import { connectionLost, FrameConnection } from './frame-connection.ts';
import type { Parameters } from './parameters.ts';
import { disposeSecrets } from './secret-values.ts';

export interface FramePeerOptions {
  /**
   * Answers what the other side asks, in the order in which it does. Secrets in the parameters are its to keep,
   * unless it fails; those of the answer stay its own.
   */
  readonly handle?: (method: string, params: Parameters) => unknown;
  readonly onEnd?: () => void;
}

interface Question {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Questions and answers over one connection that stays: frames `{ id, method, params }` and `{ id, result }` or
 * `{ id, error }`.
 */
export class FramePeer {
  readonly #connection: FrameConnection;
  readonly #handle: (method: string, params: Parameters) => unknown;
  readonly #questions = new Map<number, Question>();
  #last = 0;
  #answers: Promise<void> = Promise.resolve();

  /** @param socket as {@link FrameConnection} wants it */
  constructor(socket: Socket, options: FramePeerOptions) {
    this.#handle = options.handle ?? unknownMethod;
    this.#connection = new FrameConnection(socket, {
      onFrame: (value) => this.#receive(value),
      onEnd: () => {
        for (const { reject } of this.#questions.values()) reject(connectionLost());
        this.#questions.clear();
        options.onEnd?.();
      },
    });
  }

  /**
   * @param params secrets in it stay the caller's, who may dispose of them when this returns
   * @throws TscryptError what the other side answered; CONNECTION_LOST
   */
  async ask(method: string, params: Parameters = {}): Promise<unknown> {
    const id = ++this.#last;
    const answer = new Promise((resolve, reject) => this.#questions.set(id, { resolve, reject }));
    // Both may fail when the connection ends.
    answer.catch(() => {});
    try {
      await this.#connection.send({ id, method, params });
    } catch (error) {
      this.#questions.delete(id);
      throw error;
    }
    return await answer;
  }

  close(): void {
    this.#connection.close();
  }

  #receive(value: unknown): void {
    const { id, method, params, result, error } = (value ?? {}) as Record<string, unknown>;
    if (typeof id !== 'number') {
      disposeSecrets(value);
      this.close();
    } else if (typeof method === 'string') {
      this.#answers = this.#answers.then(() => this.#answer(id, method, (params ?? {}) as Parameters));
    } else {
      const question = this.#questions.get(id);
      this.#questions.delete(id);
      if (error === undefined) question?.resolve(result);
      else question?.reject(decodeError(error));
    }
  }

  /** Never rejects. */
  async #answer(id: number, method: string, params: Parameters): Promise<void> {
    let answer: unknown;
    try {
      answer = { id, result: (await this.#handle(method, params)) ?? null };
    } catch (error) {
      disposeSecrets(params);
      answer = { id, error: encodeError(error) };
    }
    // Who asked may have gone meanwhile.
    await this.#connection.send(answer).catch(() => {});
  }
}

function unknownMethod(method: string): never {
  throw new TscryptError('NOT_SUPPORTED', 'Unknown method.', { details: { field: method } });
}
