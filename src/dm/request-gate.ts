import type { MaybePromise } from '../maybe-promise.ts';
import { Copies } from './copies.ts';

/**
 * Counts the requests under way and holds new ones back while it is shut. Requests that finish inline
 * cost nothing: they cannot be under way when anything else runs.
 */
export class RequestGate {
  /** They serve while it is open: what is under way there counts as under way here. */
  readonly copies = new Copies();
  #withdrawn: Promise<void> | undefined;
  #shut = false;
  #running = 0;
  #waiting = 0;
  #whenOpen: Deferred | undefined;
  #refusal: { readonly error: unknown } | undefined;
  #whenDrained: (() => void) | undefined;

  get shut(): boolean {
    return this.#shut;
  }

  /** Requests held back. */
  get waiting(): number {
    return this.#waiting;
  }

  close(): void {
    if (this.#shut) return;
    this.#shut = true;
    this.#withdrawn = this.copies.forbid();
  }

  /** Lets everything through that waited, in the order it came, before anything that comes later. */
  open(): void {
    const wasShut = this.#shut;
    this.#shut = false;
    this.#refusal = undefined;
    const open = this.#whenOpen;
    this.#whenOpen = undefined;
    this.#waiting = 0;
    open?.resolve();
    if (wasShut) this.copies.allow();
  }

  /** Until it opens, what waits and whatever comes fails: there is nothing to wait for. */
  refuse(error: unknown): void {
    this.#refusal = { error };
    const open = this.#whenOpen;
    this.#whenOpen = undefined;
    this.#waiting = 0;
    open?.reject(error);
  }

  /** Settles when the gate opens. */
  wait(): Promise<void> {
    if (this.#refusal) return Promise.reject(this.#refusal.error);
    this.#whenOpen ??= deferred();
    this.#waiting++;
    return this.#whenOpen.promise;
  }

  /** Counts a request until it ends. */
  watch<T>(result: MaybePromise<T>): MaybePromise<T> {
    if (!(result instanceof Promise)) return result;
    this.#running++;
    return result.then(this.#succeeded, this.#failed);
  }

  /** Settles when no request is under way. */
  async drained(): Promise<void> {
    await this.#withdrawn;
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenDrained = resolve;
    });
  }

  // Made once: a request costs one promise here, no closure.
  readonly #succeeded = <T>(value: T): T => {
    this.#end();
    return value;
  };

  readonly #failed = (error: unknown): never => {
    this.#end();
    throw error;
  };

  #end(): void {
    if (--this.#running > 0 || !this.#whenDrained) return;
    const drained = this.#whenDrained;
    this.#whenDrained = undefined;
    drained();
  }
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function deferred(): Deferred {
  let resolve: () => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<void>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}
