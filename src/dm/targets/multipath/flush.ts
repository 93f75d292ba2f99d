import type { TscryptError } from '../../../errors.ts';
import type { MaybePromise } from '../../../maybe-promise.ts';
import { inPieces } from '../../pieces.ts';
import { isLost, isPathError } from './path-errors.ts';
import type { Path, PathDevice } from './paths.ts';

export interface FlushEvents {
  /** The path is to blame. */
  failed(path: Path, error: TscryptError): void;
  /** All paths that were flushed failed; another one has to do it. */
  allFailed(error: TscryptError): MaybePromise<void>;
}

/**
 * Flushes the device of the path that was chosen, and all others in use that completed a write since they
 * were last flushed: each may have a cache of its own. One that succeeds is enough where others break down,
 * but a device that says it could not make stable what was written through it is believed: the flush fails,
 * since no other path can know better.
 */
export function flushPaths(chosen: Path, all: readonly Path[], events: FlushEvents): MaybePromise<void> {
  const paths = pathsToFlush(chosen, all);
  let stable = false;
  let pathError: TscryptError | undefined;
  let failure: { readonly error: unknown } | undefined;
  const failed = (path: Path, error: unknown): void => {
    if (isPathError(error)) {
      events.failed(path, error);
      pathError = error;
      if (isLost(error) || path.device.written === 0 || !path.device.unflushed) return;
    }
    failure ??= { error };
  };
  const succeeded = (): void => {
    stable = true;
  };
  const ended = (): MaybePromise<void> => {
    if (failure) throw failure.error;
    if (!stable && pathError) return events.allFailed(pathError);
  };
  const done = inPieces(paths.length, 1, paths.length, (index) =>
    flushOne(paths[index] as Path, succeeded, failed),
  );
  return done instanceof Promise ? done.then(ended) : ended();
}

/** One path to each device. */
function pathsToFlush(chosen: Path, all: readonly Path[]): readonly Path[] {
  const paths = new Map<PathDevice, Path>([[chosen.device, chosen]]);
  for (const path of all) {
    const { device, active } = path;
    if (active && device.unflushed && !paths.has(device)) paths.set(device, path);
  }
  return [...paths.values()];
}

function flushOne(
  path: Path,
  succeeded: () => void,
  failed: (path: Path, error: unknown) => void,
): MaybePromise<void> {
  const { device } = path;
  const started = path.begin(0);
  // What is completed while the flush is under way is not covered by it.
  const covered = device.written;
  const end = (): void => {
    path.end(0, started);
    device.flushed = Math.max(device.flushed, covered);
    succeeded();
  };
  const fail = (error: unknown): void => {
    path.end(0, started);
    failed(path, error);
  };
  try {
    const done = device.opening.flush();
    if (done instanceof Promise) return done.then(end, fail);
  } catch (error) {
    fail(error);
    return;
  }
  end();
}
