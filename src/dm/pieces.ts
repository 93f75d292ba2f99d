import type { MaybePromise } from '../maybe-promise.ts';

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
 * do, so does this. After a failure no further piece is started, and the first failure is reported
 * once the pieces under way have ended, so that nobody touches the caller's buffer afterwards.
 */
export function runPieces(pieces: Pieces, depth: number): MaybePromise<void> {
  while (!pieces.finished) {
    const result = pieces.next();
    if (result instanceof Promise) return runRest(pieces, depth, result);
  }
}

function runRest(pieces: Pieces, depth: number, first: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let running = 0;
    let failed = false;
    let failure: unknown;
    const fail = (error: unknown): void => {
      if (!failed) failure = error;
      failed = true;
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
      while (!failed && !pieces.finished && running < depth) {
        try {
          const result = pieces.next();
          if (result instanceof Promise) watch(result);
        } catch (error) {
          fail(error);
        }
      }
      if (running > 0) return;
      if (failed) reject(failure);
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
