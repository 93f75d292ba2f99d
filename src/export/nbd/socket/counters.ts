import * as nbd from '../../../block/nbd/protocol.ts';
import type { QueueCounters } from '../../queue-threads.ts';

/** Counts the requests that a device was asked to serve. */
export class RequestCounters implements QueueCounters {
  reads = 0;
  readBytes = 0;
  writes = 0;
  writtenBytes = 0;
  flushes = 0;
  others = 0;
  errors = 0;

  /** One of those that carry no data. */
  change(type: number): void {
    if (type === nbd.NBD_CMD_FLUSH) this.flushes += 1;
    else this.others += 1;
  }

  snapshot(): QueueCounters {
    return { ...this };
  }
}

export function sumCounters(parts: readonly QueueCounters[]): QueueCounters {
  const sum = new RequestCounters();
  for (const part of parts) {
    sum.reads += part.reads;
    sum.readBytes += part.readBytes;
    sum.writes += part.writes;
    sum.writtenBytes += part.writtenBytes;
    sum.flushes += part.flushes;
    sum.others += part.others;
    sum.errors += part.errors;
  }
  return sum.snapshot();
}
