import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockDevice, MemoryDevice } from '../../src/block/index.ts';
import { MappedDevice, type Target, type TargetType, targetTypes } from '../../src/dm/index.ts';
import type { TableArg, TableLine, TableSpec } from '../../src/table/index.ts';
import { LaterDevice } from '../models/later-device.ts';
import { MappedDisk, type ModelLine } from '../models/mapped-disk.ts';

/** A linear target that takes only a few sectors at a time, for the splitting that linear never needs. */
const chunkedTarget: TargetType = {
  name: 'chunked',
  version: [1, 0, 0],
  async construct(line, context) {
    const inner = await targetTypes.get('linear')!.construct(line, context);
    const limit = 3 * inner.limits.logicalBlockSize;
    const inside = (offset: number, length: number): void => {
      expect(Math.floor(offset / limit)).toBe(Math.floor((offset + length - 1) / limit));
    };
    return new Proxy(inner, {
      get(target, property) {
        if (property === 'maxIoLength') return limit;
        if (property === 'read' || property === 'write') {
          return (offset: number, data: Uint8Array) => {
            inside(offset, data.length);
            return target[property](offset, data);
          };
        }
        const value = target[property as keyof Target];
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  },
};

const types = new Map([...targetTypes, ['chunked', chunkedTarget]]);

const DISKS = 3;

/** Lengths and gaps in multiples of `unit` sectors, so that every line may have encryption sectors of that size. */
const lineArbitrary = (unit: number) =>
  fc.record({
    kind: fc.constantFrom('zero', 'linear', 'chunked', 'crypt', 'crypt', 'crypt'),
    length: fc.integer({ min: 1, max: 24 }).map((count) => count * unit),
    disk: fc.nat(DISKS - 1),
    gap: fc.nat(3).map((count) => count * unit),
    mode: fc.constantFrom('xts' as const, 'cbc' as const),
    wide: fc.boolean(),
    ivOffset: fc
      .oneof(fc.nat(9), fc.constant(2 ** 29 - 1), fc.constant(2 ** 40))
      .map((count) => count * unit),
    unit: fc.constantFrom(1, unit),
    large: fc.boolean(),
    seed: fc.string({ maxLength: 4 }),
  });

const requestArbitrary = fc.record({
  kind: fc.constantFrom('read', 'read', 'write', 'write', 'clobber', 'zeroes', 'flush', 'extents'),
  /** Where, and how much, as parts of the device's size. */
  from: fc.double({ min: 0, max: 0.999, noNaN: true }),
  part: fc.oneof(fc.double({ min: 0, max: 0.05, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
  fua: fc.boolean(),
});

const plan = fc.constantFrom(1, 8).chain((unit) =>
  fc.record({
    unit: fc.constant(unit),
    lines: fc.array(lineArbitrary(unit), { minLength: 1, maxLength: 7 }),
    later: fc.array(fc.boolean(), { minLength: DISKS, maxLength: DISKS }),
    maxIoSize: fc.constantFrom(4096, 12288, 1 << 20),
    requests: fc.array(requestArbitrary, { minLength: 1, maxLength: 12 }),
    atOnce: fc.array(requestArbitrary, { maxLength: 6 }),
  }),
);

type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;
type Request = Plan['requests'][number];

function bytes(seed: string, length: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(seed).digest());
}

interface Setup {
  readonly table: TableSpec;
  readonly model: MappedDisk;
  readonly disks: readonly Uint8Array[];
  readonly modelDisks: readonly Uint8Array[];
}

function setUp({ lines }: Plan): Setup {
  const ends = Array.from({ length: DISKS }, () => 0);
  const table: TableLine[] = [];
  const modelLines: ModelLine[] = [];
  let start = 0;
  for (const [index, line] of lines.entries()) {
    const { kind, length, disk, gap, ivOffset, unit, mode } = line;
    const at = ends[disk]! + gap;
    let args: readonly TableArg[] = [];
    if (kind === 'zero') {
      modelLines.push({ type: 'zero', length });
    } else if (kind === 'crypt') {
      const key = bytes(`${index} ${line.seed}`, (line.wide ? 32 : 16) * (mode === 'xts' ? 2 : 1));
      const large = line.large && unit > 1;
      const options = [
        ...(unit > 1 ? [`sector_size:${unit * 512}`] : []),
        ...(large ? ['iv_large_sectors'] : []),
      ];
      const hex = Buffer.from(key).toString('hex');
      args = [`aes-${mode}-plain64`, hex, String(ivOffset), `disk${disk}`, String(at)];
      if (options.length > 0) args = [...args, String(options.length), ...options];
      modelLines.push({ type: 'crypt', length, disk, at, mode, key, ivOffset, unit, large });
    } else {
      args = [`disk${disk}`, String(at)];
      modelLines.push({ type: 'linear', length, disk, at });
    }
    table.push({ start, length, type: kind, args });
    if (kind !== 'zero') ends[disk] = at + length;
    start += length;
  }
  const disks = ends.map((end, index) => bytes(`disk ${index}`, (end + 8) * 512));
  const modelDisks = disks.map((disk) => disk.slice());
  return { table, disks, modelDisks, model: new MappedDisk(modelLines, modelDisks) };
}

/** The range of a request, in bytes, made of whole blocks. */
function rangeOf(request: Request, size: number, block: number): [from: number, length: number] {
  const blocks = size / block;
  const from = Math.floor(request.from * blocks);
  const count = Math.min(blocks - from, Math.ceil(request.part * blocks));
  return [from * block, count * block];
}

async function perform(
  request: Request,
  [from, length]: [number, number],
  seed: string,
  device: BlockDevice,
  model: MappedDisk,
): Promise<void> {
  const { fua } = request;
  const first = from / 512;
  const count = length / 512;
  const content = request.kind === 'zeroes' ? new Uint8Array(length) : bytes(seed, length);
  const changes = request.kind === 'write' || request.kind === 'clobber' || request.kind === 'zeroes';
  if (changes) {
    for (let i = 0; i < count; i++) model.write(first + i, content.subarray(i * 512, (i + 1) * 512));
  }
  if (request.kind === 'write') {
    const before = content.slice();
    await device.write(from, content, { fua });
    expect(Buffer.compare(content, before)).toBe(0);
  } else if (request.kind === 'clobber') {
    await device.write(from, content, { mayClobber: true, fua });
  } else if (request.kind === 'zeroes') {
    await device.writeZeroes(from, length, { fua });
  } else if (request.kind === 'read') {
    const expected = new Uint8Array(length);
    for (let i = 0; i < count; i++) expected.set(model.read(first + i), i * 512);
    const found = new Uint8Array(length).fill(0xa5);
    await device.read(from, found);
    expect(Buffer.compare(found, expected)).toBe(0);
  } else if (request.kind === 'flush') {
    await device.flush();
  } else if (length > 0) {
    const extents = await device.extents!(from, length);
    let at = first;
    for (const extent of extents) {
      for (const end = at + extent.length / 512; at < end; at++) {
        if (extent.zero) expect(model.read(at).every((byte) => byte === 0)).toBe(true);
      }
    }
    expect(at).toBeGreaterThan(first);
    expect(at).toBeLessThanOrEqual(first + count);
  }
}

describe('random requests to random tables', () => {
  it('do what the model does, to the mapped device and to every disk below', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (given) => {
        const { table, disks, modelDisks, model } = setUp(given);
        const device = await MappedDevice.create({
          name: 'm',
          table,
          targetTypes: types,
          openDevice: async (name) => {
            const index = Number(name.slice('disk'.length));
            const memory = new MemoryDevice(disks[index]!, { name });
            const limits = { maxIoSize: given.maxIoSize };
            return given.later[index] ? new LaterDevice(memory, { limits }) : memory;
          },
        });
        const block = device.limits.logicalBlockSize;
        for (const [index, request] of given.requests.entries()) {
          const range = rangeOf(request, device.size, block);
          await perform(request, range, `request ${index}`, device, model);
        }

        // At the same time, each in a part of its own, while the table is suspended and resumed.
        const share = Math.floor(device.size / block / Math.max(1, given.atOnce.length)) * block;
        const together = given.atOnce.map((request, index) => {
          const [from, length] = rangeOf(request, share, block);
          return perform(request, [index * share + from, length], `at once ${index}`, device, model);
        });
        await device.suspend();
        await device.resume();
        await Promise.all(together);

        for (const [index, disk] of disks.entries()) {
          expect(Buffer.compare(disk, modelDisks[index]!)).toBe(0);
        }
        await device.close();
      }),
      { numRuns: 150 * Number(process.env.SLOW ?? 1) },
    );
  }, 120_000);
});
