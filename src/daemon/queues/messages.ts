import type { Extent, Features, Limits } from '../../block/device.ts';
import type { QueueCounters, QueueJobName } from '../../export/queue-threads.ts';
import type { TransferredError } from '../error-transfer.ts';
import type { SentPlan } from './plan-transfer.ts';

/**
 * What the main thread and a queue thread tell each other, in order and as structured clones. Devices and runs go by
 * numbers that the main thread gives out. Neither data nor keys are in it: those go as addresses.
 */
export type ToThread =
  | { readonly type: 'open'; readonly device: number; readonly facts: DeviceFacts }
  | { readonly type: 'facts'; readonly device: number; readonly facts: DeviceFacts }
  | { readonly type: 'copy'; readonly device: number; readonly plan: SentPlan }
  | { readonly type: 'withdraw'; readonly device: number }
  | { readonly type: 'close'; readonly device: number }
  | ({ readonly type: 'start'; readonly call: number } & StartCall)
  | { readonly type: 'stop'; readonly call: number; readonly run: number }
  | { readonly type: 'count'; readonly call: number; readonly run: number }
  | ({ readonly type: 'answers' } & Answers);

export type FromThread =
  /** Where the thread's arena lies, in which most requests have their data. */
  | { readonly type: 'arena'; readonly address: number; readonly length: number }
  /** The copy is gone, or never came about. */
  | { readonly type: 'withdrawn'; readonly device: number }
  /** {@link REQUEST_WORDS} numbers a request. */
  | { readonly type: 'requests'; readonly words: readonly number[] }
  | { readonly type: 'result'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly call: number; readonly error: TransferredError }
  /** A run has nothing more to serve. */
  | {
      readonly type: 'ended';
      readonly run: number;
      readonly counters: QueueCounters;
      readonly error: TransferredError | undefined;
    }
  /** Something went wrong that nobody waits for. */
  | { readonly type: 'problem'; readonly error: TransferredError };

export interface StartCall {
  readonly device: number;
  readonly run: number;
  readonly job: QueueJobName;
  readonly parameters: unknown;
}

/** What a device in a queue thread says of itself. */
export interface DeviceFacts {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
}

/** Requests that the main thread's device has served; each by the number it came with. */
export interface Answers {
  readonly done: readonly number[];
  readonly extents: readonly { readonly request: number; readonly extents: readonly Extent[] }[];
  readonly failed: readonly { readonly request: number; readonly error: TransferredError }[];
}

/** device, request, operation, offset, length, address of the data, flags */
export const REQUEST_WORDS = 7;

export const READ = 0;
export const WRITE = 1;
export const FLUSH = 2;
export const DISCARD = 3;
export const WRITE_ZEROES = 4;
export const EXTENTS = 5;

export const FUA = 1;
export const MAY_CLOBBER = 2;
export const NO_HOLE = 4;
export const FAST = 8;
