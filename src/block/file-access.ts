import type { MaybePromise } from '../maybe-promise.ts';

/**
 * How requests reach the file: `cached` through the page cache; `memory` for file systems that have no disk, where
 * nothing waits; `direct` past the page cache (O_DIRECT).
 */
export type FileAccessKind = 'cached' | 'memory' | 'direct';

/** Whole requests that have been checked. */
export interface FileAccess {
  /** {@link write} can be `stable`. */
  readonly writesStably: boolean;
  read(offset: number, into: Uint8Array): MaybePromise<void>;
  /** @param stable on stable storage when it completes */
  write(offset: number, from: Uint8Array, stable: boolean): MaybePromise<void>;
}
