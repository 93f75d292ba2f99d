import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockDevice, type Extent, MemoryDevice } from '../../src/block/index.ts';
import { MappedDevice } from '../../src/dm/index.ts';
import { parseTable } from '../../src/table/index.ts';
import { LaterDevice } from '../models/later-device.ts';

const SECTOR = 512;
const RUNS = 80 * Number(process.env.SLOW ?? 1);

/** Where a sector of the mapped device is, found by counting. */
interface Place {
  readonly disk: number;
  readonly sector: number;
}

/** A disk that knows which of its sectors are zeroes, and tells of a few extents at a time. */
class SparseDisk extends MemoryDevice {
  extents(offset: number, length: number): Extent[] {
    const found: Extent[] = [];
    for (let at = offset; at < offset + length && found.length < 3; ) {
      const zero = isZero(this.content.subarray(at, at + SECTOR));
      let end = at;
      while (end < offset + length && isZero(this.content.subarray(end, end + SECTOR)) === zero)
        end += SECTOR;
      found.push({ length: end - at, hole: zero, zero });
      at = end;
    }
    return found;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function bytes(seed: string, length: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(seed).digest());
}

/** Half of the sectors are zeroes. */
function diskOf(name: string, sectors: number): SparseDisk {
  const content = bytes(name, sectors * SECTOR);
  for (let sector = 0; sector < sectors; sector++) {
    if (bytes(`${name} ${Math.floor(sector / 3)}`, 1)[0]! < 128)
      content.fill(0, sector * SECTOR, (sector + 1) * SECTOR);
  }
  return new SparseDisk(content, { name });
}

/** The mapped device and the model of it, whose disks are copies. */
class Pair {
  readonly device: MappedDevice;
  readonly #places: () => readonly Place[];
  readonly #disks: readonly SparseDisk[];
  readonly #model: readonly Uint8Array[];

  private constructor(device: MappedDevice, disks: readonly SparseDisk[], places: () => readonly Place[]) {
    this.device = device;
    this.#places = places;
    this.#disks = disks;
    this.#model = disks.map(({ content }) => content.slice());
  }

  static async of(
    table: string,
    disks: readonly SparseDisk[],
    places: () => readonly Place[],
    later: boolean,
  ): Promise<Pair> {
    const opened = new Map<string, BlockDevice>(
      disks.map((disk) => [disk.name, later ? new LaterDevice(disk) : disk]),
    );
    const device = await MappedDevice.create({
      name: 'm',
      table: parseTable(table),
      openDevice: async (name) => opened.get(name)!,
    });
    return new Pair(device, disks, places);
  }

  async perform({ kind, from, part, fua }: Request, seed: string): Promise<void> {
    const { device } = this;
    const sectors = device.size / SECTOR;
    const first = Math.floor(from * sectors);
    const count = Math.min(sectors - first, Math.max(1, Math.floor(part * sectors)));
    const [offset, length] = [first * SECTOR, count * SECTOR];
    const places = this.#places().slice(first, first + count);
    if (kind === 'read') {
      const found = new Uint8Array(length).fill(0xa5);
      await device.read(offset, found);
      for (const [index, place] of places.entries()) {
        expectSame(found.subarray(index * SECTOR, (index + 1) * SECTOR), this.#stored(place));
      }
    } else if (kind === 'extents') {
      const extents = await device.extents(offset, length);
      expect(extents.length).toBeGreaterThan(0);
      let at = 0;
      for (const extent of extents) {
        for (let end = at + extent.length / SECTOR; at < end; at++) {
          expect(isZero(this.#stored(places[at]!))).toBe(extent.zero);
        }
      }
    } else if (kind === 'flush') {
      await device.flush();
    } else {
      const data = kind === 'write' ? bytes(seed, length) : new Uint8Array(length);
      if (kind === 'write') await device.write(offset, data, { fua });
      else if (kind === 'zeroes') await device.writeZeroes(offset, length, { fua });
      else if (device.features.discard) await device.discard(offset, length);
      else return;
      for (const [index, place] of places.entries()) {
        this.#stored(place).set(data.subarray(index * SECTOR, (index + 1) * SECTOR));
      }
    }
  }

  expectSameDisks(): void {
    for (const [index, { content }] of this.#disks.entries()) expectSame(content, this.#model[index]!);
  }

  #stored({ disk, sector }: Place): Uint8Array {
    return this.#model[disk]!.subarray(sector * SECTOR, (sector + 1) * SECTOR);
  }
}

function expectSame(a: Uint8Array, b: Uint8Array): void {
  expect(Buffer.compare(a, b)).toBe(0);
}

const request = fc.record({
  kind: fc.constantFrom('read', 'read', 'write', 'write', 'zeroes', 'discard', 'extents', 'extents', 'flush'),
  /** As parts of the device. */
  from: fc.double({ min: 0, max: 0.999, noNaN: true }),
  part: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  fua: fc.boolean(),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

const requests = fc.array(request, { minLength: 1, maxLength: 10 });
const shape = fc.record({
  stripes: fc.integer({ min: 1, max: 5 }),
  chunk: fc.integer({ min: 1, max: 13 }),
  rows: fc.integer({ min: 1, max: 9 }),
  offsets: fc.array(fc.nat(7), { minLength: 5, maxLength: 5 }),
  later: fc.boolean(),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

async function performAll(pair: Pair, all: readonly Request[]): Promise<void> {
  for (const [index, each] of all.entries()) await pair.perform(each, `request ${index}`);
  pair.expectSameDisks();
  await pair.device.close();
}

/** Chunk after chunk, each to the next stripe, where that has got to. */
function stripedPlaces({ stripes, chunk, rows, offsets }: Shape): Place[] {
  const next = offsets.slice(0, stripes);
  const places: Place[] = [];
  for (let row = 0; row < rows; row++) {
    for (let disk = 0; disk < stripes; disk++) {
      for (let i = 0; i < chunk; i++) places.push({ disk, sector: next[disk]!++ });
    }
  }
  return places;
}

function stripedTable({ stripes, chunk, rows, offsets }: Shape): string {
  const places = Array.from({ length: stripes }, (_, stripe) => `disk${stripe} ${offsets[stripe]}`);
  return `0 ${stripes * chunk * rows} striped ${stripes} ${chunk} ${places.join(' ')}`;
}

describe('random requests to', () => {
  it('striped do what counting through the chunks says', async () => {
    await fc.assert(
      fc.asyncProperty(shape, requests, async (given, all) => {
        const { stripes, chunk, rows, later } = given;
        const disks = Array.from({ length: stripes }, (_, i) => diskOf(`disk${i}`, chunk * rows + 9));
        const places = stripedPlaces(given);
        await performAll(await Pair.of(stripedTable(given), disks, () => places, later), all);
      }),
      { numRuns: RUNS },
    );
  });

  it('unstriped do what leaving out the other chunks says', async () => {
    await fc.assert(
      fc.asyncProperty(shape, fc.nat(4), requests, async (given, pick, all) => {
        const { stripes, chunk, rows, offsets, later } = given;
        const stripe = pick % stripes;
        const [offset = 0] = offsets;
        const sectors = stripes * chunk * rows;
        const places: Place[] = [];
        for (let sector = 0; sector < sectors; sector++) {
          if (Math.floor(sector / chunk) % stripes === stripe)
            places.push({ disk: 0, sector: offset + sector });
        }
        const table = `0 ${chunk * rows} unstriped ${stripes} ${chunk} ${stripe} disk0 ${offset}`;
        const pair = await Pair.of(table, [diskOf('disk0', sectors + 9)], () => places, later);
        await performAll(pair, all);
      }),
      { numRuns: RUNS },
    );
  });

  it('switch do what a list of paths says, whatever messages come between', async () => {
    const word = fc.record({
      kind: fc.constantFrom('one', 'next', 'run'),
      region: fc.nat(),
      path: fc.nat(),
      back: fc.nat(),
      count: fc.nat(9),
    });
    const round = fc.record({ words: fc.array(word, { minLength: 1, maxLength: 6 }), all: requests });
    const rounds = fc.array(round, { minLength: 1, maxLength: 4 });
    const length = fc.integer({ min: 1, max: 150 });
    await fc.assert(
      fc.asyncProperty(shape, length, rounds, async (given, sectors, all) => {
        const { stripes: paths, chunk: region, offsets, later } = given;
        const regions = Math.ceil(sectors / region);
        const list = Array.from({ length: regions }, (_, index) => index % paths);
        const places = (): Place[] =>
          Array.from({ length: sectors }, (_, sector) => {
            const disk = list[Math.floor(sector / region)]!;
            return { disk, sector: offsets[disk]! + sector };
          });
        const disks = Array.from({ length: paths }, (_, i) => diskOf(`disk${i}`, sectors + 9));
        const below = disks.map(({ name }, i) => `${name} ${offsets[i]}`).join(' ');
        const table = `0 ${sectors} switch ${paths} ${region} 0 ${below}`;
        const pair = await Pair.of(table, disks, places, later);
        for (const [number, { words, all: some }] of all.entries()) {
          let at = 0;
          const texts: string[] = [];
          for (const { kind, region: any, path, back, count } of words) {
            const to = path % paths;
            if (kind === 'one' || at + 1 >= regions) {
              at = any % regions;
              list[at] = to;
              texts.push(`${at.toString(16)}:${to.toString(16)}`);
            } else if (kind === 'next') {
              list[++at] = to;
              texts.push(`:${to.toString(16)}`);
            } else {
              const distance = 1 + (back % (at + 1));
              const run = Math.min(count, regions - 1 - at);
              for (let i = 0; i < run; i++) {
                at++;
                list[at] = list[at - distance]!;
              }
              texts.push(`R${distance.toString(16)},${run.toString(16)}`);
            }
          }
          await pair.device.message(0, ['set_region_mappings', ...texts]);
          for (const [index, each] of some.entries()) await pair.perform(each, `${number} ${index}`);
        }
        pair.expectSameDisks();
        await pair.device.close();
      }),
      { numRuns: RUNS },
    );
  });
});

describe('striped', () => {
  it('over all stripes that unstriped makes of a device is that device', async () => {
    await fc.assert(
      fc.asyncProperty(shape, requests, async (given, all) => {
        const { stripes, chunk, rows, later } = given;
        const sectors = stripes * chunk * rows;
        const disk = diskOf('disk0', sectors);
        const openDevice = async (): Promise<BlockDevice> => {
          const opened = new MemoryDevice(disk.content);
          return later ? new LaterDevice(opened) : opened;
        };
        const parts: MappedDevice[] = [];
        for (let stripe = 0; stripe < stripes; stripe++) {
          const table = parseTable(`0 ${chunk * rows} unstriped ${stripes} ${chunk} ${stripe} disk0 0`);
          parts.push(await MappedDevice.create({ name: `part${stripe}`, table, openDevice }));
        }
        const below = parts.map(({ name }) => `${name} 0`).join(' ');
        const device = await MappedDevice.create({
          name: 'all',
          table: parseTable(`0 ${sectors} striped ${stripes} ${chunk} ${below}`),
          openDevice: async (name) => parts.find((part) => part.name === name)!.open(),
        });
        const model = new MemoryDevice(disk.content.slice());
        for (const [index, { kind, from, part }] of all.entries()) {
          const first = Math.floor(from * sectors) * SECTOR;
          const length = Math.min(model.size - first, Math.max(1, Math.floor(part * sectors)) * SECTOR);
          const data = bytes(`request ${index}`, length);
          if (kind === 'write') {
            await device.write(first, data);
            model.write(first, data);
          } else if (kind === 'zeroes') {
            await device.writeZeroes(first, length);
            model.writeZeroes(first, length);
          } else {
            await device.read(first, data);
            expectSame(data, model.content.subarray(first, first + length));
          }
        }
        expectSame(disk.content, model.content);
        await device.close();
        for (const part of parts) await part.close();
      }),
      { numRuns: RUNS },
    );
  });
});
