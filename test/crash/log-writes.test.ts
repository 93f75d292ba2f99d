import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../src/block/index.ts';
import { MappedDevice } from '../../src/dm/index.ts';
import { parseTable } from '../../src/table/index.ts';
import { LaterDevice } from '../models/later-device.ts';
import { FLAGS, LogReplay } from '../models/log-replay.ts';

/**
 * A random workload is logged. Every prefix of the log is what a power cut might have left: replayed, it must
 * have all that was acknowledged as stable by the time its last entry was logged, and nothing but what was written.
 */

const BLOCK = 512;
const BLOCKS = 24;

type Kind = 'write' | 'fua' | 'discard' | 'zeroes' | 'fuaZeroes';

interface Request {
  readonly kind: Kind;
  readonly from: number;
  readonly count: number;
}

/** Requests that are made at the same time, and whether a flush is. */
interface Round {
  readonly requests: readonly Request[];
  /** Before the requests, after them (they need not have completed), or not at all. */
  readonly flush: 'before' | 'after' | 'twice' | 'none';
}

const request = fc.record({
  kind: fc.constantFrom<Kind>('write', 'write', 'write', 'fua', 'discard', 'zeroes', 'fuaZeroes'),
  from: fc.nat(BLOCKS - 1),
  count: fc.integer({ min: 1, max: 5 }),
});
const round = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 5 }),
  flush: fc.constantFrom<Round['flush']>('before', 'after', 'twice', 'none', 'none'),
});
const plan = fc.record({
  rounds: fc.array(round, { minLength: 1, maxLength: 14 }),
  later: fc.boolean(),
  logLater: fc.boolean(),
});

/** One content that a block had. */
interface Version {
  readonly content: Uint8Array;
  /** How many entries the log had when it was issued: it is none of those. */
  readonly issued: number;
  completed: boolean;
  /** How many entries the log had when the version was acknowledged as stable. */
  stable: number;
}

/** What every block was, in order: the requests of a round do not overlap. */
class Model {
  readonly blocks: readonly Version[][];
  #writes = 0;

  constructor(initial: Uint8Array) {
    this.blocks = Array.from({ length: BLOCKS }, (_, block) => [
      {
        content: initial.slice(block * BLOCK, (block + 1) * BLOCK),
        issued: -1,
        completed: true,
        stable: 0,
      },
    ]);
  }

  /** New versions of the blocks that `request` writes, and the data that does it. */
  versions(
    { kind, from, count }: Request,
    logged: number,
  ): { readonly versions: Version[]; readonly data: Uint8Array } {
    const data = new Uint8Array(count * BLOCK);
    const number = ++this.#writes;
    const versions = Array.from({ length: count }, (_, index): Version => {
      const content = data.subarray(index * BLOCK, (index + 1) * BLOCK);
      if (kind === 'write' || kind === 'fua') content.fill(number & 0xff).set([number >> 8, from + index]);
      const version = { content, issued: logged, completed: false, stable: Number.POSITIVE_INFINITY };
      this.blocks[from + index]?.push(version);
      return version;
    });
    return { versions, data: data.slice() };
  }

  /** Versions that completed and that nothing has made stable. */
  get volatile(): Version[] {
    return this.blocks
      .flat()
      .filter(({ completed, stable }) => completed && stable === Number.POSITIVE_INFINITY);
  }

  isVolatile({ from, count }: Request): boolean {
    return this.blocks
      .slice(from, from + count)
      .flat()
      .some(({ stable }) => stable === Number.POSITIVE_INFINITY);
  }
}

/** The requests of a round as they may be made at the same time: inside the device, none over another. */
function apart(requests: readonly Request[]): Request[] {
  const taken = new Set<number>();
  return requests.flatMap(({ kind, from, count }) => {
    const most = Math.min(count, BLOCKS - from);
    let free = 0;
    while (free < most && !taken.has(from + free)) taken.add(from + free++);
    return free === 0 ? [] : [{ kind, from, count: free }];
  });
}

class Workload {
  readonly device: MappedDevice;
  readonly model: Model;

  constructor(device: MappedDevice, model: Model) {
    this.device = device;
    this.model = model;
  }

  async run({ requests, flush }: Round): Promise<void> {
    const those = apart(requests);
    // The log has a write with FUA before older ones that no flush has covered, as in Linux: see below.
    const late = those.some((one) => one.kind.startsWith('fua') && this.model.isVolatile(one));
    if (late) await this.flush();
    const flushes: Promise<void>[] = [];
    if (flush === 'before' || flush === 'twice') flushes.push(this.flush());
    const writes = those.map((one) => this.#request(one));
    if (flush === 'after' || flush === 'twice') flushes.push(this.flush());
    await Promise.all([...writes, ...flushes]);
  }

  async flush(): Promise<void> {
    const covered = this.model.volatile;
    await this.device.flush();
    for (const version of covered) version.stable = Math.min(version.stable, this.#logged);
  }

  async #request(one: Request): Promise<void> {
    const { versions, data } = this.model.versions(one, this.#logged);
    const [from, length] = [one.from * BLOCK, one.count * BLOCK];
    const fua = one.kind.startsWith('fua');
    if (one.kind === 'discard') await this.device.discard(from, length);
    else if (one.kind.toLowerCase().endsWith('zeroes')) await this.device.writeZeroes(from, length, { fua });
    else await this.device.write(from, data, { fua, mayClobber: true });
    for (const version of versions) {
      version.completed = true;
      if (fua) version.stable = this.#logged;
    }
  }

  get #logged(): number {
    return Number(this.device.status()[0]?.info.split(' ')[0]);
  }
}

describe('a power cut, as a log-writes log tells of it', () => {
  it('loses nothing that was acknowledged as stable, and shows nothing that was never written', async () => {
    let prefixes = 0;
    await fc.assert(
      fc.asyncProperty(plan, async ({ rounds, later, logLater }) => {
        const initial = new Uint8Array(BLOCKS * BLOCK).fill(0xee);
        const [disk, log] = [new MemoryDevice(initial.slice()), new MemoryDevice(1 << 20)];
        const device = await MappedDevice.create({
          name: 'logged',
          table: parseTable(`0 ${BLOCKS} log-writes disk log`),
          openDevice: async (name) =>
            name === 'disk' ? (later ? new LaterDevice(disk) : disk) : logLater ? new LaterDevice(log) : log,
        });
        const model = new Model(initial);
        const workload = new Workload(device, model);
        for (const one of rounds) await workload.run(one);
        await device.close();

        const replay = await LogReplay.read(new MemoryDevice(log.content));
        const replayed = new MemoryDevice(initial.slice());
        for (let entries = 0; entries <= replay.entries.length; entries++) {
          if (entries > 0) await replay.replay(replayed, { from: entries - 1, to: entries });
          for (const [block, versions] of model.blocks.entries()) {
            const found = replayed.content.subarray(block * BLOCK, (block + 1) * BLOCK);
            const stable = versions.findLastIndex((version) => version.stable <= entries);
            const possible = versions.slice(stable).filter(({ issued }) => issued < entries);
            if (possible.some(({ content }) => Buffer.compare(content, found) === 0)) continue;
            expect.fail(`block ${block} after ${entries} entries is none of its ${possible.length} versions`);
          }
          prefixes++;
        }
        expect(Buffer.from(replayed.content).equals(disk.content)).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(prefixes).toBeGreaterThan(1000);
  });

  it('leaves after each flush exactly what was there', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ rounds, logLater }) => {
        const initial = new Uint8Array(BLOCKS * BLOCK).fill(0xee);
        const [disk, log] = [new MemoryDevice(initial.slice()), new MemoryDevice(1 << 20)];
        const device = await MappedDevice.create({
          name: 'logged',
          table: parseTable(`0 ${BLOCKS} log-writes disk log`),
          openDevice: async (name) => (name === 'disk' ? disk : logLater ? new LaterDevice(log) : log),
        });
        const workload = new Workload(device, new Model(initial));
        const contents: Uint8Array[] = [];
        for (const { requests } of rounds) {
          for (const one of requests) await workload.run({ requests: [one], flush: 'none' });
          await workload.flush();
          await device.message(0, ['mark', `flushed-${contents.length}`]);
          contents.push(disk.content.slice());
        }
        await device.close();

        const replay = await LogReplay.read(new MemoryDevice(log.content));
        const replayed = new MemoryDevice(initial.slice());
        let from = 0;
        for (const [index, content] of contents.entries()) {
          const to = replay.mark(`flushed-${index}`);
          expect(replay.entries[to - 1]?.flags).toBe(FLAGS.flush);
          await replay.replay(replayed, { from, to });
          expect(Buffer.from(replayed.content).equals(content)).toBe(true);
          from = to;
        }
        const [last] = replay.having(FLAGS.mark).slice(-1);
        expect(replay.entries[last ?? 0]?.text).toBe('dm-log-writes-end');
      }),
      { numRuns: 100 },
    );
  });

  it('may bring back what a write with FUA has replaced, as in Linux', async () => {
    const [disk, log] = [new MemoryDevice(BLOCKS * BLOCK), new MemoryDevice(1 << 20)];
    const device = await MappedDevice.create({
      name: 'logged',
      table: parseTable(`0 ${BLOCKS} log-writes disk log`),
      openDevice: async (name) => (name === 'disk' ? disk : log),
    });
    await device.write(0, new Uint8Array(BLOCK).fill(1));
    await device.write(0, new Uint8Array(BLOCK).fill(2), { fua: true });
    await device.close();
    const replay = await LogReplay.read(new MemoryDevice(log.content));
    expect(replay.entries.map(({ flags, data }) => [flags, data[0]])).toEqual([
      [FLAGS.fua, 2],
      [0, 1],
      [FLAGS.flush, undefined],
      [FLAGS.mark, undefined],
    ]);
  });
});
