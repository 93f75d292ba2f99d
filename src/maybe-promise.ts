/**
 * "Done now, or later": what every operation of a block device returns. The few hot rooms finish
 * inline and return no promise; everything else is plain `async`. Both are awaited the same way.
 */
export type MaybePromise<T> = T | Promise<T>;

/** Continues with `next` at once when `value` is there already, else when it arrives. */
export function andThen<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
