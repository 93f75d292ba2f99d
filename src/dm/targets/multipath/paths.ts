import type { BlockDevice } from '../../../block/device.ts';
import type { DeviceArg } from '../arguments.ts';
import type { PriorityGroup } from './groups.ts';

/** A device that one or several paths lead to, opened once. */
export class PathDevice {
  /** As the table names it. */
  readonly given: string;
  /** As tables and statuses print it. */
  readonly label: string;
  /** The present opening. */
  opening: BlockDevice;
  /** It must be opened anew before it can serve anything: the connection is lost, or it fits no more. */
  lost = false;
  /** Changes that were completed and not stable at once. */
  written = 0;
  /**
   * How many of them a flush has covered since. At first one is missing: another table may have left
   * something behind in what the device caches.
   */
  flushed = -1;
  readonly #size: number;
  readonly #blockSize: number;

  constructor(below: DeviceArg) {
    this.given = below.given;
    this.label = below.label;
    this.opening = below.device;
    this.#size = below.device.size;
    this.#blockSize = below.device.limits.logicalBlockSize;
  }

  /** Whether the present opening can take the place of the one that the table was loaded with. */
  get fits(): boolean {
    const { size, limits } = this.opening;
    return size >= this.#size && limits.logicalBlockSize <= this.#blockSize;
  }

  /** Whether a flush has something to do. */
  get unflushed(): boolean {
    return this.written > this.flushed;
  }
}

/** One way to the storage. */
export class Path {
  readonly group: PriorityGroup;
  /** Its place in the group, from 0: how the selector calls it. */
  readonly index: number;
  readonly device: PathDevice;
  active = true;
  failCount = 0;

  constructor(group: PriorityGroup, device: PathDevice) {
    this.group = group;
    this.index = group.paths.length;
    this.device = device;
  }

  /** A request of so many bytes starts here. @returns for {@link end} */
  begin(bytes: number): number {
    return this.group.selector.startIo(this.index, bytes);
  }

  end(bytes: number, started: number): void {
    this.group.selector.endIo(this.index, bytes, started);
  }
}
