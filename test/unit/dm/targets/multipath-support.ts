import {
  type BlockDevice,
  FaultDevice,
  MemoryDevice,
  type WriteOptions,
} from '../../../../src/block/index.ts';
import { formatStatusLine, MappedDevice } from '../../../../src/dm/index.ts';
import { TscryptError } from '../../../../src/errors.ts';
import { formatTableLine, parseTable } from '../../../../src/table/index.ts';
import { LaterDevice } from '../../../models/later-device.ts';
import { bytes } from '../support.ts';

export const SIZE = 64 * 1024;

/** A path to a storage: an opening that fails on demand. */
export interface Way {
  readonly fault: FaultDevice;
  readonly later: LaterDevice;
  /** Requests that came this way: `read 0 512`. */
  readonly requests: readonly string[];
}

/** A storage with several ways to it, and a multipath device over them. */
export interface Rig {
  readonly device: MappedDevice;
  readonly content: Uint8Array;
  readonly ways: Readonly<Record<string, Way>>;
  /** How often each way was opened. */
  readonly openings: Readonly<Record<string, number>>;
  /** Opening fails with this from now on. */
  refuse: TscryptError | undefined;
  /** Opening waits for this from now on. */
  wait: Promise<void> | undefined;
  /** Later openings are of this size. */
  size: number;
  status(): string;
  table(): string;
}

export interface RigOptions {
  /** Requests end inline, or in a later turn. */
  readonly later?: boolean;
}

/** @param args of the line; its devices are the ways, and made as they are named */
export async function rig(args: string, options: RigOptions = {}): Promise<Rig> {
  const content = bytes('storage', SIZE);
  const ways: Record<string, Way> = {};
  const openings: Record<string, number> = {};
  const openDevice = async (name: string): Promise<BlockDevice> => {
    await made.wait;
    if (made.refuse) throw made.refuse;
    const requests: string[] = [];
    const memory = new MemoryDevice(content.subarray(0, made.size), { name });
    const fault = await FaultDevice.over(memory);
    const watched = new WatchedDevice(fault, requests);
    const later = new LaterDevice(watched);
    ways[name] = { fault, later, requests };
    openings[name] = (openings[name] ?? 0) + 1;
    return options.later ? later : watched;
  };
  const made: Omit<Rig, 'device'> & { device?: MappedDevice } = {
    content,
    ways,
    openings,
    refuse: undefined,
    wait: undefined,
    size: SIZE,
    status: () => formatStatusLine(made.device!.status()[0]!).split(' ').slice(3).join(' ').trimEnd(),
    table: () => formatTableLine(made.device!.table()[0]!).split(' ').slice(3).join(' '),
  };
  made.device = await MappedDevice.create({
    name: 'm',
    table: parseTable(line(args)),
    openDevice,
    deviceLabel: (name) => (/^\d+:\d+$/.test(name) ? name : `7:${name.charCodeAt(0) - 'a'.charCodeAt(0)}`),
  });
  return made as Rig;
}

export function line(args: string): string {
  return `0 ${SIZE / 512} multipath ${args}`;
}

export function failure(errno: string, code: TscryptError['code'] = 'IO_ERROR'): TscryptError {
  return new TscryptError(code, `failed with ${errno}`, { errno });
}

/** Writes down what it is asked, and ruins a buffer that it may change. */
class WatchedDevice implements BlockDevice {
  readonly #device: BlockDevice;
  readonly #requests: string[];
  readonly name: string;
  readonly size: number;
  readonly readOnly = false;
  readonly limits;
  readonly features;

  constructor(device: BlockDevice, requests: string[]) {
    this.#device = device;
    this.#requests = requests;
    this.name = device.name;
    this.size = device.size;
    this.limits = device.limits;
    this.features = device.features;
  }

  read(offset: number, into: Uint8Array) {
    this.#requests.push(`read ${offset} ${into.length}`);
    return this.#device.read(offset, into);
  }

  write(offset: number, from: Uint8Array, options?: WriteOptions) {
    this.#requests.push(`write ${offset} ${from.length}${options?.fua ? ' fua' : ''}`);
    try {
      return this.#device.write(offset, from, options);
    } finally {
      if (options?.mayClobber) from.fill(0xee);
    }
  }

  flush() {
    this.#requests.push('flush');
    return this.#device.flush();
  }

  discard(offset: number, length: number) {
    this.#requests.push(`discard ${offset} ${length}`);
    return this.#device.discard(offset, length);
  }

  writeZeroes(offset: number, length: number) {
    this.#requests.push(`zeroes ${offset} ${length}`);
    return this.#device.writeZeroes(offset, length);
  }

  close() {
    return this.#device.close();
  }
}

/** Whether the promise is settled after all that can happen without a timer or a device. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const mark = (): void => {
    settled = true;
  };
  promise.then(mark, mark);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}
