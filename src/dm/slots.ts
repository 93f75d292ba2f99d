import { TscryptError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { LoadedTable } from './loaded-table.ts';
import { RequestGate } from './request-gate.ts';
import type { SuspendOptions, TargetType } from './target.ts';

/**
 * The live and the inactive table of a mapped device, and the passage from one to the other: requests
 * are held back, those under way end, the tables are exchanged, requests go on. Whoever calls sees to
 * it that only one of these operations runs at a time.
 */
export class Slots {
  readonly gate = new RequestGate();
  #live: LoadedTable | undefined;
  #inactive: LoadedTable | undefined;
  #suspended = false;
  /** All that was written is stable, and nothing can be written: the device was flushed when it was suspended. */
  #stable = false;
  /** A suspension without flush is under way: requests that targets give back are kept. */
  #keepsRequeued = false;

  get live(): LoadedTable | undefined {
    return this.#live;
  }

  get inactive(): LoadedTable | undefined {
    return this.#inactive;
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  get stable(): boolean {
    return this.#stable;
  }

  /** Requests that targets give back are made again after the resume; otherwise they fail. */
  get keepsRequeued(): boolean {
    return this.#keepsRequeued || this.#suspended;
  }

  /** The type that tables which replace the live one must have, if a target there is immutable. */
  get immutableType(): TargetType | undefined {
    return this.#live?.immutableType;
  }

  /** What is in the two slots. */
  get tables(): readonly LoadedTable[] {
    return [this.#live, this.#inactive].filter((table) => table !== undefined);
  }

  /** Puts a table, or none, into the inactive slot, in place of what was there. */
  async setInactive(table: LoadedTable | undefined): Promise<void> {
    const old = this.#inactive;
    this.#inactive = table;
    await old?.destroy();
  }

  async suspend(how: SuspendOptions): Promise<void> {
    if (!this.#suspended) await this.#quiesce(how);
  }

  /**
   * @param how an active device is suspended to exchange tables
   * @throws TscryptError INVALID_ARGUMENT when the device was suspended and has no table, as in the kernel;
   *   what a target says that cannot go on
   */
  async resume(how: SuspendOptions): Promise<void> {
    const replaced = this.#inactive ? await this.#swap(this.#inactive, how) : undefined;
    await allOf([this.#goOn(), replaced?.destroy()]);
  }

  /** Ends the use of both tables. Requests under way end first; later ones find no table. */
  async empty(): Promise<void> {
    const inactive = this.#inactive;
    this.#inactive = undefined;
    await allOf([this.#retire(), inactive?.destroy()]);
  }

  /** @returns what was live */
  async #swap(next: LoadedTable, how: SuspendOptions): Promise<LoadedTable | undefined> {
    if (!this.#suspended) await this.#quiesce(how);
    const old = this.#live;
    next.restack(old?.limits);
    this.#live = next;
    this.#inactive = undefined;
    return old;
  }

  /** suspended → active */
  async #goOn(): Promise<void> {
    if (!this.#suspended) return;
    if (!this.#live) throw new TscryptError('INVALID_ARGUMENT', 'There is no table to resume with.');
    await this.#live.resume();
    this.#suspended = false;
    this.#stable = false;
    this.gate.open();
  }

  async #retire(): Promise<void> {
    const live = this.#live;
    if (!live) return;
    try {
      if (!this.#suspended) await this.#quiesce({ flush: true });
    } finally {
      // Whatever went wrong: no request may be under way when the targets go.
      this.gate.close();
      await this.gate.drained();
      this.#live = undefined;
      this.#stable = false;
      await live.destroy();
    }
  }

  /** active → suspended */
  async #quiesce(how: SuspendOptions): Promise<void> {
    const live = this.#live;
    this.gate.close();
    this.#keepsRequeued = !how.flush;
    try {
      await live?.presuspend(how);
      await this.gate.drained();
      // A flush would wait below for a resume. What was written through here is stable where that device was
      // flushed when it was suspended, and not meant to be where it was not.
      const flushes = how.flush && !live?.suspendedBelow;
      if (flushes && live && !live.readOnly) await live.flush();
      this.#stable = flushes;
    } catch (error) {
      await live?.presuspendUndo();
      this.gate.open();
      throw error;
    } finally {
      this.#keepsRequeued = false;
    }
    this.#suspended = true;
    await live?.postsuspend();
  }
}

/** The first failure is reported after all have ended. */
async function allOf(actions: readonly (MaybePromise<void> | undefined)[]): Promise<void> {
  const results = await Promise.allSettled(actions);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** A request that cannot be served: the device has no table. */
export function noTable(name: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `Device ${name} has no table.`, {
    errno: 'EIO',
    details: { device: name },
  });
}
