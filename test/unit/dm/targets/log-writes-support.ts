import { type BlockDevice, MemoryDevice } from '../../../../src/block/index.ts';
import type { MappedDevice } from '../../../../src/dm/index.ts';
import { splitArgs } from '../../../../src/table/index.ts';
import { FLAGS, LogReplay } from '../../../models/log-replay.ts';
import { bytes, create, disk } from '../support.ts';

export const status = (device: MappedDevice) => device.status()[0]?.info;
/** What is in a device that was closed. */
export const closed = ({ content }: MemoryDevice) => new MemoryDevice(content);
export const message = (device: MappedDevice, words: string) => device.message(0, splitArgs(words));
/** What the log holds, an entry a word: `w3+2` and so on, in sectors of the log. */
export const entriesIn = async (device: BlockDevice): Promise<string> => {
  const replay = await LogReplay.read(device);
  return replay.entries
    .map(({ offset, length, flags, text }) => {
      const { sectorSize } = replay.head;
      const place = `${offset / sectorSize}+${length / sectorSize}`;
      if (flags === FLAGS.mark) return `"${text}"`;
      if (flags === FLAGS.flush) return 'flush';
      return `${{ 0: 'w', [FLAGS.fua]: 'fua', [FLAGS.discard]: 'd' }[flags]}${place}`;
    })
    .join(' ');
};

export interface Rig {
  readonly device: MappedDevice;
  readonly data: MemoryDevice;
  readonly log: MemoryDevice;
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** A disk whose writes, by their sector, and flushes end when they are told to. Its third flush ends at once. */
export function slowDisk() {
  const data = disk(64);
  const writes = [deferred(), deferred(), deferred()] as const;
  const flushes = [deferred(), deferred()] as const;
  let flushed = 0;
  const slow: BlockDevice = {
    ...{ name: 'slow', size: data.size, readOnly: false, limits: data.limits, features: data.features },
    read: (offset, into) => data.read(offset, into),
    write: (offset) => writes[offset / 512]?.promise,
    flush: () => flushes[flushed++]?.promise,
    discard: () => {},
    writeZeroes: () => {},
    close: async () => {},
  };
  return { slow, writes, flushes };
}

export async function rig(sectors = 1024, logSectors = 4096): Promise<Rig> {
  const devices = { data: disk(sectors), log: new MemoryDevice(bytes('old log', logSectors * 512)) };
  return { ...devices, device: await create(`0 ${sectors} log-writes data log`, devices) };
}

export const log = (sectors = 65536): MemoryDevice => new MemoryDevice(sectors * 512, { name: 'log' });
