import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type BlockDevice, FaultDevice, MemoryDevice } from '../../src/block/index.ts';
import type { Target, TargetType } from '../../src/dm/index.ts';
import { runPieces } from '../../src/dm/pieces.ts';
import { TscryptError } from '../../src/errors.ts';
import type { TableLine } from '../../src/table/index.ts';
import { LaterDevice } from '../models/later-device.ts';

export interface TargetSubject {
  readonly type: TargetType;
  /** A line of at least 4096 sectors; it may name any device it likes. */
  readonly line: TableLine;
  /** Bytes of each device below; one target's worth if not given. */
  readonly deviceSize?: number;
  /** What becomes of data: kept, forgotten (reads are zeroes), or every request fails. */
  readonly data: 'kept' | 'forgotten' | 'refused';
}

/** A target under test, over devices that can fail. */
interface Rig {
  readonly target: Target;
  /** Bytes. */
  readonly size: number;
  readonly faults: ReadonlyMap<string, FaultDevice>;
}

/**
 * What every device-mapper target must do, whatever it is for. Import it, say how a line of the target looks, and
 * add tests for what is special about it.
 */
export function targetSuite(name: string, subject: TargetSubject): void {
  const { type, line, data } = subject;
  const size = line.length * 512;

  const construct = async (later: boolean, args = line.args): Promise<Rig> => {
    const faults = new Map<string, FaultDevice>();
    const opened = new Map<string, BlockDevice>();
    const openDevice = async (device: string): Promise<BlockDevice> => {
      const known = opened.get(device);
      if (known) return known;
      const content = bytes(`content of ${device}`, subject.deviceSize ?? size);
      const fault = await FaultDevice.over(new MemoryDevice(content, { name: device }));
      const fresh = later ? new LaterDevice(fault) : fault;
      faults.set(device, fault);
      opened.set(device, fresh);
      return fresh;
    };
    const target = await type.construct(
      { ...line, args },
      {
        readOnly: false,
        openDevice,
        reopenDevice: openDevice,
        deviceLabel: (device) => device,
        raiseEvent: () => {},
      },
    );
    return { target: splitting(target), size, faults };
  };

  describe(`${name}: what every target does`, () => {
    it('has usable limits, areas inside its devices, and a version', async () => {
      const { target } = await construct(false);
      const { limits } = target;
      expect(Math.log2(limits.logicalBlockSize) % 1).toBe(0);
      expect(limits.logicalBlockSize).toBeGreaterThanOrEqual(512);
      expect(limits.physicalBlockSize).toBeGreaterThanOrEqual(limits.logicalBlockSize);
      expect(limits.maxIoSize).toBeGreaterThanOrEqual(limits.logicalBlockSize);
      expect(limits.maxIoSize % limits.logicalBlockSize).toBe(0);
      expect(target.maxIoLength % limits.logicalBlockSize).toBe(0);
      expect(size % limits.logicalBlockSize).toBe(0);
      for (const { device, start, length } of target.areas) {
        expect(start + length).toBeLessThanOrEqual(device.size);
      }
      expect(type.version).toHaveLength(3);
      await target.destroy();
    });

    it('says how it can be made again', async () => {
      const { target } = await construct(false);
      expect(target.statusInfo()).not.toContain('\n');
      const again = await construct(false, target.statusTable());
      expect(again.target.statusTable()).toEqual(target.statusTable());
      expect(again.target.limits).toEqual(target.limits);
      await target.destroy();
      await again.target.destroy();
    });

    for (const later of [false, true]) {
      const over = later ? 'devices that finish later' : 'devices that finish inline';

      it(`handles data, over ${over}`, async () => {
        const rig = await construct(later);
        const { target } = rig;
        const unit = target.limits.logicalBlockSize;
        const model = await whole(rig, data);
        for (const [index, [from, length]] of ranges(size, unit).entries()) {
          const content = bytes(`data ${index}`, length);
          const original = content.slice();
          await expectFate(data, () => target.write(from, content, { fua: index % 2 === 0 }));
          expect(Buffer.from(content).equals(original)).toBe(true);
          if (data === 'kept') model.set(content, from);
          const given = content.slice();
          await expectFate(data, () => target.write(from, given, { mayClobber: true }));
          const back = new Uint8Array(length).fill(0xa5);
          await expectFate(data, () => target.read(from, back));
          if (data !== 'refused') expect(same(back, model.subarray(from, from + length))).toBe(true);
        }
        expect(same(await whole(rig, data), model)).toBe(true);
        await target.destroy();
      });

      it(`keeps requests made at the same time apart, over ${over}`, async () => {
        const rig = await construct(later);
        const { target } = rig;
        const unit = Math.max(target.limits.logicalBlockSize, 4096);
        const model = await whole(rig, data);
        const parts = Array.from({ length: Math.min(64, Math.floor(size / unit)) }, (_, index) => index);
        await Promise.all(
          parts.map(async (index) => {
            const content = bytes(`part ${index}`, unit);
            if (data === 'kept') model.set(content, index * unit);
            await expectFate(data, () => target.write(index * unit, content));
            const back = new Uint8Array(unit);
            await expectFate(data, () => target.read(index * unit, back));
            if (data !== 'refused') {
              expect(same(back, model.subarray(index * unit, (index + 1) * unit))).toBe(true);
            }
          }),
        );
        expect(same(await whole(rig, data), model)).toBe(true);
        await target.destroy();
      });

      it(`writes zeroes, over ${over}`, async () => {
        const rig = await construct(later);
        const { target } = rig;
        const unit = target.limits.logicalBlockSize;
        const model = await whole(rig, data);
        for (const [from, length] of ranges(size, unit)) {
          await expectFate(data, () => target.writeZeroes(from, length, { noHole: true, fua: true }));
          model.fill(0, from, from + length);
        }
        expect(same(await whole(rig, data), model)).toBe(true);
        const code = await codeOf(() => target.writeZeroes(0, unit, { fast: true }));
        if (data !== 'refused') expect([undefined, 'NOT_SUPPORTED']).toContain(code);
        await target.destroy();
      });

      it(`discards no more than it was told, over ${over}`, async () => {
        const rig = await construct(later);
        const { target } = rig;
        const unit = Math.max(target.limits.logicalBlockSize, target.limits.discardGranularity);
        const model = await whole(rig, data);
        const code = await codeOf(() => target.discard(2 * unit, 3 * unit));
        if (!target.features.discard) expect(code).toBe('NOT_SUPPORTED');
        else if (data !== 'refused') expect(code).toBeUndefined();
        const after = await whole(rig, data);
        expect(same(after.subarray(0, 2 * unit), model.subarray(0, 2 * unit))).toBe(true);
        expect(same(after.subarray(5 * unit), model.subarray(5 * unit))).toBe(true);
        if (!target.features.discard) expect(same(after, model)).toBe(true);
        await target.destroy();
      });

      it(`passes flush and FUA to the devices below, over ${over}`, async () => {
        const { target, faults } = await construct(later);
        await target.flush();
        if (data !== 'kept') return;
        for (const fault of faults.values()) expect(fault.log).toEqual([{ kind: 'flush' }]);
        await target.write(0, bytes('fua', target.limits.logicalBlockSize), { fua: true });
        const written = [...faults.values()].flatMap((fault) =>
          fault.log.filter(({ kind }) => kind === 'write'),
        );
        expect(written.length).toBeGreaterThan(0);
        for (const entry of written) expect(entry).toMatchObject({ fua: true });
        await target.destroy();
      });

      it(`reports what fails below to the request that met it, and goes on, over ${over}`, async () => {
        const { target, faults } = await construct(later);
        if (data !== 'kept') return;
        const unit = target.limits.logicalBlockSize;
        for (const kind of ['read', 'write', 'flush'] as const) {
          for (const fault of faults.values())
            fault.fail({ kind, errno: 'ENODATA', times: Number.POSITIVE_INFINITY });
          const request = {
            read: () => target.read(0, new Uint8Array(unit)),
            write: () => target.write(0, new Uint8Array(unit)),
            flush: () => target.flush(),
          }[kind];
          const error = await failureOf(request);
          expect(error).toMatchObject({ code: 'IO_ERROR', errno: 'ENODATA' });
          for (const fault of faults.values()) fault.heal();
          await request();
        }
        await target.destroy();
      });
    }

    it('describes a range as extents that tell the truth', async () => {
      const { target } = await construct(false);
      if (!target.extents) return;
      const unit = target.limits.logicalBlockSize;
      const extents = await target.extents(unit, 10 * unit);
      expect(extents.length).toBeGreaterThan(0);
      let at = unit;
      for (const { length, zero } of extents) {
        expect(length).toBeGreaterThan(0);
        const part = new Uint8Array(Math.min(length, size - at));
        await target.read(at, part);
        if (zero) expect(part.every((byte) => byte === 0)).toBe(true);
        at += length;
      }
      await target.destroy();
    });

    it('goes through a suspension', async () => {
      const rig = await construct(true);
      const { target } = rig;
      const model = await whole(rig, data);
      await target.presuspend?.({ flush: true });
      await target.postsuspend?.();
      await target.preresume?.();
      await target.resume?.();
      expect(same(await whole(rig, data), model)).toBe(true);
      await target.destroy();
    });
  });
}

/** The target as the core treats it: reads and writes go no further than a multiple of its `maxIoLength`. */
function splitting(target: Target): Target {
  const { maxIoLength } = target;
  if (maxIoLength === 0) return target;
  const [read, write] = [target.read.bind(target), target.write.bind(target)];
  const parts = (
    offset: number,
    length: number,
    request: (from: number, to: number) => void | Promise<void>,
  ): void | Promise<void> => {
    let done = 0;
    return runPieces(
      {
        get finished() {
          return done >= length;
        },
        next: () => {
          const from = done;
          done = Math.min(length, from + maxIoLength - ((offset + from) % maxIoLength));
          return request(from, done);
        },
      },
      64,
    );
  };
  target.read = (offset, into) =>
    parts(offset, into.length, (from, to) => read(offset + from, into.subarray(from, to)));
  target.write = (offset, data, options) =>
    parts(offset, data.length, (from, to) => write(offset + from, data.subarray(from, to), options));
  return target;
}

/** The whole content, as the target reads it; zeroes where it refuses. */
async function whole({ target, size }: Rig, data: TargetSubject['data']): Promise<Uint8Array> {
  const content = new Uint8Array(size);
  const step = Math.min(size, 1 << 20);
  for (let at = 0; at < size && data !== 'refused'; at += step) {
    await target.read(at, content.subarray(at, Math.min(size, at + step)));
  }
  return content;
}

/** First and last block, a few odd places, and something too big for one piece. */
function ranges(size: number, unit: number): [from: number, length: number][] {
  const blocks = size / unit;
  const some: [number, number][] = [
    [0, 1],
    [blocks - 1, 1],
    [1, 3],
    [7, 64],
    [Math.floor(blocks / 3), 17],
    [5, blocks - 9],
    [0, blocks],
  ];
  return some.map(([from, length]) => [from * unit, length * unit]);
}

async function expectFate(data: TargetSubject['data'], request: () => void | Promise<void>): Promise<void> {
  expect(await codeOf(request)).toBe(data === 'refused' ? 'IO_ERROR' : undefined);
}

async function codeOf(request: () => unknown): Promise<string | undefined> {
  return (await failureOf(request))?.code;
}

async function failureOf(request: () => unknown): Promise<TscryptError | undefined> {
  try {
    await request();
    return undefined;
  } catch (error) {
    if (error instanceof TscryptError) return error;
    throw error;
  }
}

function bytes(seed: string, length: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(seed).digest());
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
