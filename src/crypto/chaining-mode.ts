import { BLOCK_SIZE } from './block-cipher.ts';

/** What is known of a chaining mode without computing it. */
export interface ChainingMode {
  /** Keys of the block cipher it takes: XTS has a second one for the tweaks. */
  readonly keys: 1 | 2;
  /** The kernel's block size of the mode, from which the IV mode benbi counts; 1 makes it a stream cipher. */
  readonly blockSize: number;
}

/** By the kernel's names. */
export const chainingModes: ReadonlyMap<string, ChainingMode> = new Map([
  ['ecb', { keys: 1, blockSize: BLOCK_SIZE }],
  ['cbc', { keys: 1, blockSize: BLOCK_SIZE }],
  ['ctr', { keys: 1, blockSize: 1 }],
  ['xts', { keys: 2, blockSize: BLOCK_SIZE }],
]);
