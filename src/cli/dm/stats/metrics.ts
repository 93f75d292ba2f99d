import type { StatsObject } from './objects.ts';

const SECOND = 1e9;
const MILLISECOND = 1e6;

/** What follows from counters and the time in which they came together. Rates are by the second. */
export const METRICS = {
  readMergeRate: ({ counters, interval }: StatsObject) => rate(counters.readMerges, interval),
  writeMergeRate: ({ counters, interval }: StatsObject) => rate(counters.writeMerges, interval),
  readRate: ({ counters, interval }: StatsObject) => rate(counters.reads, interval),
  writeRate: ({ counters, interval }: StatsObject) => rate(counters.writes, interval),
  /** Sectors. */
  readSize: ({ counters, interval }: StatsObject) => rate(counters.readSectors, interval),
  writeSize: ({ counters, interval }: StatsObject) => rate(counters.writeSectors, interval),
  /** Sectors of a request. */
  requestSize: ({ counters: { reads, writes, readSectors, writeSectors } }: StatsObject) =>
    share(readSectors + writeSectors, reads + writes),
  /** Requests under way at a time. */
  queueSize: ({ counters, interval }: StatsObject) => share(counters.queueTicks, interval),
  /** Milliseconds that a request took. */
  wait: ({ counters: { reads, writes, readTime, writeTime } }: StatsObject) =>
    share(readTime + writeTime, reads + writes) / MILLISECOND,
  readWait: ({ counters: { reads, readTime } }: StatsObject) => share(readTime, reads) / MILLISECOND,
  writeWait: ({ counters: { writes, writeTime } }: StatsObject) => share(writeTime, writes) / MILLISECOND,
  throughput: ({ counters: { reads, writes }, interval }: StatsObject) => rate(reads + writes, interval),
  /** Milliseconds in which something was under way, for each request. */
  serviceTime: ({ counters: { reads, writes, ioTicks } }: StatsObject) =>
    share(ioTicks, reads + writes) / MILLISECOND,
  /** Percent of the time in which something was under way. */
  utilisation: ({ counters, interval }: StatsObject) =>
    Math.min(100, share(counters.ioTicks, interval) * 100),
};

function rate(amount: number, interval: number): number {
  return share(amount * SECOND, interval);
}

function share(amount: number, of: number): number {
  return of === 0 ? 0 : amount / of;
}
