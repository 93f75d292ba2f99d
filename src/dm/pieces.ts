import type { MaybePromise } from '../maybe-promise.ts';
import { Requeue } from './target.ts';

/**
 * A request that is done in pieces, made one after the other by {@link Pieces.next}.
 */
export interface Pieces {
  /** Whether every piece was started. */
  readonly finished: boolean;
  /** Starts the next piece. Not called when finished. */
  next(): MaybePromise<void>;
}

/**
 * Runs pieces, up to `depth` of them at a time. Pieces that finish inline cost no promise; when all
 * do, so does this. When one fails the others are made all the same, as in the kernel, where each is a
 * request of its own. The last failure is reported, or that a piece was given back ({@link Requeue}), once
 * all have ended, so that nobody touches the caller's buffer afterwards.
 */
export function runPieces(pieces: Pieces, depth: number): MaybePromise<void> {
  let failure: Failure | undefined;
  while (!pieces.finished) {
    try {
      const result = pieces.next();
      if (result instanceof Promise) return runRest(pieces, depth, result, failure);
    } catch (error) {
      failure = worse(failure, error);
    }
  }
  if (failure) throw failure.error;
}

interface Failure {
  readonly error: unknown;
}

function worse(failure: Failure | undefined, error: unknown): Failure {
  return failure?.error instanceof Requeue ? failure : { error };
}

function runRest(
  pieces: Pieces,
  depth: number,
  first: Promise<void>,
  failedBefore: Failure | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let running = 0;
    let failure = failedBefore;
    const fail = (error: unknown): void => {
      failure = worse(failure, error);
    };
    const watch = (piece: Promise<void>): void => {
      running++;
      piece.then(
        () => {
          running--;
          startMore();
        },
        (error: unknown) => {
          running--;
          fail(error);
          startMore();
        },
      );
    };
    const startMore = (): void => {
      while (!pieces.finished && running < depth) {
        try {
          const result = pieces.next();
          if (result instanceof Promise) watch(result);
        } catch (error) {
          fail(error);
        }
      }
      if (running > 0) return;
      if (failure) reject(failure.error);
      else resolve();
    };
    watch(first);
    startMore();
  });
}

/** {@link runPieces} for a range cut into pieces of `size` bytes; `piece` gets each one's bounds. */
export function inPieces(
  length: number,
  size: number,
  depth: number,
  piece: (from: number, to: number) => MaybePromise<void>,
): MaybePromise<void> {
  let done = 0;
  return runPieces(
    {
      get finished() {
        return done >= length;
      },
      next: () => {
        const from = done;
        done = Math.min(length, done + size);
        return piece(from, done);
      },
    },
    depth,
  );
}
