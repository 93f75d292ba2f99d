import type { MaybePromise } from '../maybe-promise.ts';

/**
 * Counts the requests under way and holds new ones back while it is shut. Requests that finish inline
 * cost nothing: they cannot be under way when anything else runs.
 */
export class RequestGate {
  #shut = false;
  #running = 0;
  #waiting = 0;
  #whenOpen: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #whenDrained: (() => void) | undefined;

  get shut(): boolean {
    return this.#shut;
  }

  /** Requests held back. */
  get waiting(): number {
    return this.#waiting;
  }

  close(): void {
    this.#shut = true;
  }

  /** Lets everything through that waited, in the order it came, before anything that comes later. */
  open(): void {
    this.#shut = false;
    const open = this.#whenOpen;
    this.#whenOpen = undefined;
    this.#waiting = 0;
    open?.resolve();
  }

  /** Settles when the gate opens. */
  wait(): Promise<void> {
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
  drained(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => {
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

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
