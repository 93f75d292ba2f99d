import { type Copier, type MappedDevice, mappedStack, planStack } from '../../dm/index.ts';
import type { ToThread } from './messages.ts';
import { encodePlan } from './plan-transfer.ts';

/**
 * A mapped device and its stand-in in one queue thread: tells that what the device is like, gives it the plan of a
 * copy whenever the whole stack allows one, and calls the copy back before anything in the stack changes.
 */
export class DeviceLink implements Copier {
  readonly device: MappedDevice;
  readonly number: number;
  /** Runs that serve it. */
  users = 0;
  readonly #post: (message: ToThread) => void;
  /** The device and those below it, where we are entered. */
  #watched: ReadonlySet<MappedDevice> = new Set();
  /** A copy may be serving. */
  #granted = false;
  #withdrawing: { readonly done: Promise<void>; readonly settle: () => void } | undefined;
  #closed = false;

  constructor(device: MappedDevice, number: number, post: (message: ToThread) => void) {
    this.device = device;
    this.number = number;
    this.#post = post;
    post({ type: 'open', device: number, facts: this.#facts });
    this.changed();
  }

  withdraw(): Promise<void> {
    if (!this.#granted) return Promise.resolve();
    if (!this.#withdrawing) {
      let settle: () => void = () => {};
      const done = new Promise<void>((resolve) => {
        settle = resolve;
      });
      this.#withdrawing = { done, settle };
      this.#post({ type: 'withdraw', device: this.number });
    }
    return this.#withdrawing.done;
  }

  /** The thread says so. */
  withdrawn(): void {
    const withdrawing = this.#withdrawing;
    this.#withdrawing = undefined;
    this.#granted = false;
    withdrawing?.settle();
  }

  changed(): void {
    if (this.#closed) return;
    this.#watch(mappedStack(this.device));
    this.#post({ type: 'facts', device: this.number, facts: this.#facts });
    // A copy that serves is as the stack is: it would have been called back otherwise. Whoever calls it back now
    // says so when they are done.
    if (this.#granted) return;
    const plan = planStack(this.device);
    if (!plan) return;
    this.#granted = true;
    this.#post({ type: 'copy', device: this.number, plan: encodePlan(plan) });
  }

  /**
   * Nobody serves the device in the thread any more.
   *
   * @param gone called when the thread has nothing of it any more
   */
  close(gone: () => void): void {
    this.#closed = true;
    void this.withdraw().then(() => {
      this.#watch(new Set());
      this.#post({ type: 'close', device: this.number });
      gone();
    });
  }

  get #facts() {
    const { name, size, readOnly, limits, features } = this.device;
    return { name, size, readOnly, limits, features };
  }

  #watch(stack: ReadonlySet<MappedDevice>): void {
    for (const device of this.#watched) if (!stack.has(device)) device.copies.remove(this);
    for (const device of stack) device.copies.add(this);
    this.#watched = stack;
  }
}
