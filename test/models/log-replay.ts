import type { BlockDevice } from '../../src/block/index.ts';

/**
 * Reads what a log-writes target wrote, and replays it, as xfstests' replay-log does: entry after entry, by their numbers
 * from 0 on. Written from the format alone, with nothing of the target's.
 */

export const FLAGS = { flush: 1, fua: 2, discard: 4, mark: 8, metadata: 16 } as const;

export interface LogHead {
  /** Entries that the super block tells of. There may be more behind them that it does not tell of yet. */
  readonly entries: number;
  /** Bytes; what the log counts in. */
  readonly sectorSize: number;
}

export interface ReplayEntry {
  readonly number: number;
  /** Bytes, on the logged device. */
  readonly offset: number;
  readonly length: number;
  readonly flags: number;
  /** A mark's text. */
  readonly text: string;
  /** What was written; empty where nothing was. */
  readonly data: Uint8Array;
}

export class LogReplay {
  readonly head: LogHead;
  readonly entries: readonly ReplayEntry[];

  private constructor(head: LogHead, entries: readonly ReplayEntry[]) {
    this.head = head;
    this.entries = entries;
  }

  /** Reads a whole log. @throws Error when it is none */
  static async read(log: BlockDevice): Promise<LogReplay> {
    const head = await readHead(log);
    const entries: ReplayEntry[] = [];
    for (let at = head.sectorSize; entries.length < head.entries; ) {
      const { entry, end } = await readEntry(log, head.sectorSize, at, entries.length);
      entries.push(entry);
      at = end;
    }
    return new LogReplay(head, entries);
  }

  /** The number of the entry with this mark. @throws Error when there is none */
  mark(text: string): number {
    const found = this.entries.find((entry) => entry.flags & FLAGS.mark && entry.text === text);
    if (!found) throw new Error(`no mark ${text} in the log`);
    return found.number;
  }

  /** The numbers of the entries that have all of `flags`. */
  having(flags: number): number[] {
    return this.entries.filter((entry) => (entry.flags & flags) === flags).map(({ number }) => number);
  }

  /**
   * Does to `disk` what the entries from number `from` to number `to`, which is left out, say.
   *
   * @param discards what is discarded reads as zeroes afterwards, or as what was there
   */
  async replay(
    disk: BlockDevice,
    { from = 0, to = this.entries.length, discards = 'zero' }: ReplayOptions = {},
  ): Promise<void> {
    for (const { flags, offset, length, data } of this.entries.slice(from, to)) {
      if (flags & FLAGS.mark || length === 0) continue;
      if (!(flags & FLAGS.discard)) await disk.write(offset, data);
      else if (discards === 'zero') await disk.writeZeroes(offset, length);
    }
  }
}

export interface ReplayOptions {
  readonly from?: number;
  readonly to?: number;
  readonly discards?: 'zero' | 'ignore';
}

async function readHead(log: BlockDevice): Promise<LogHead> {
  const block = new Uint8Array(log.limits.logicalBlockSize);
  await log.read(0, block);
  const view = new DataView(block.buffer);
  if (view.getBigUint64(0, true) !== 0x6a736677736872n) throw new Error('no log-writes log');
  if (view.getBigUint64(8, true) !== 1n) throw new Error('a log of another version');
  return { entries: Number(view.getBigUint64(16, true)), sectorSize: view.getUint32(24, true) };
}

async function readEntry(
  log: BlockDevice,
  sectorSize: number,
  at: number,
  number: number,
): Promise<{ readonly entry: ReplayEntry; readonly end: number }> {
  const block = new Uint8Array(sectorSize);
  await log.read(at, block);
  const view = new DataView(block.buffer);
  const field = (index: number): number => Number(view.getBigUint64(8 * index, true));
  const [sector, sectors, flags, textLength] = [field(0), field(1), field(2), field(3)];
  if (flags > 31) throw new Error(`entry ${number} at ${at} is none`);
  const length = sectors * sectorSize;
  const data = new Uint8Array(flags & FLAGS.discard ? 0 : length);
  if (data.length > 0) await log.read(at + sectorSize, data);
  const text = flags & FLAGS.mark ? Buffer.from(block.subarray(32, 32 + textLength)).toString() : '';
  return {
    entry: { number, offset: sector * sectorSize, length, flags, text, data },
    end: at + sectorSize + data.length,
  };
}
