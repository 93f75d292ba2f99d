import type {
  BlockDevice,
  Extent,
  Features,
  Limits,
  WriteOptions,
  WriteZeroesOptions,
} from '../../src/block/index.ts';

export interface LaterOptions {
  readonly limits?: Partial<Limits>;
  readonly features?: Partial<Features>;
}

/**
 * A device whose requests never finish inline, and not in the order they were made. It looks at a buffer only
 * when the request ends, so whoever changes or reuses one before that is found out.
 */
export class LaterDevice implements BlockDevice {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  readonly limits: Limits;
  readonly features: Features;
  readonly extents?: (offset: number, length: number) => Promise<Extent[]>;
  /** How many requests were under way at once, at most. */
  mostRunning = 0;
  readonly #device: BlockDevice;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #held = false;
  #count = 0;

  constructor(device: BlockDevice, options: LaterOptions = {}) {
    this.#device = device;
    this.name = device.name;
    this.size = device.size;
    this.readOnly = device.readOnly;
    this.limits = { ...device.limits, ...options.limits };
    this.features = { ...device.features, ...options.features };
    if (device.extents) {
      this.extents = (offset, length) => this.#later(() => device.extents?.(offset, length) ?? []);
    }
  }

  get running(): number {
    return this.#running;
  }

  /** From now on nothing ends until {@link release}. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    for (const end of this.#waiting.splice(0)) end();
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#later(() => this.#device.read(offset, into));
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#later(() => this.#device.write(offset, from, options));
  }

  flush(): Promise<void> {
    return this.#later(() => this.#device.flush());
  }

  discard(offset: number, length: number): Promise<void> {
    return this.#later(() => this.#device.discard(offset, length));
  }

  writeZeroes(offset: number, length: number, options?: WriteZeroesOptions): Promise<void> {
    return this.#later(() => this.#device.writeZeroes(offset, length, options));
  }

  close(): Promise<void> {
    return this.#device.close();
  }

  async #later<T>(action: () => T | Promise<T>): Promise<T> {
    this.mostRunning = Math.max(this.mostRunning, ++this.#running);
    try {
      // Every third request ends a turn later than those made after it.
      for (let turns = this.#count++ % 3 === 0 ? 2 : 1; turns > 0; turns--) await nextTurn();
      if (this.#held) await new Promise<void>((end) => this.#waiting.push(end));
      return await action();
    } finally {
      this.#running--;
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
