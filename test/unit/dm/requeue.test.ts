import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, MemoryDevice } from '../../../src/block/index.ts';
import {
  MappedDevice,
  Requeue,
  type SuspendOptions,
  type Target,
  type TargetType,
} from '../../../src/dm/index.ts';
import { LoadedTable } from '../../../src/dm/loaded-table.ts';
import { Statistics } from '../../../src/dm/stats/statistics.ts';
import { linearTarget } from '../../../src/dm/targets/linear/index.ts';
import { parseTable } from '../../../src/table/index.ts';
import { bytes, codeOf, isSettled } from './support.ts';

/** Holds every request until the suspension, and gives it back then, or fails it. */
class HoldingTarget implements Target {
  readonly limits = { ...DEFAULT_LIMITS, discardGranularity: 512 };
  readonly features = { discard: true, fastZeroes: false, multiConnection: true };
  readonly maxIoLength = 4096;
  readonly areas = [];
  readonly mayRequeue = true;
  readonly #held: ((error: Error) => void)[] = [];

  read = (): Promise<void> => new Promise((_, reject) => this.#held.push(reject));
  write = this.read;
  flush = this.read;
  discard = this.read;
  writeZeroes = this.read;

  presuspend(how: SuspendOptions): void {
    expect(how).toEqual({ flush: false });
    for (const reject of this.#held.splice(0)) reject(new Requeue());
  }

  /** As if it gave up without a suspension. */
  giveUp(): void {
    for (const reject of this.#held.splice(0)) reject(new Requeue());
  }

  statusInfo = (): string => '';
  statusTable = (): string[] => [];
  async destroy(): Promise<void> {}
}

async function holding(): Promise<{ device: MappedDevice; target: HoldingTarget; disk: MemoryDevice }> {
  const target = new HoldingTarget();
  const type: TargetType = { name: 'holding', version: [1, 0, 0], construct: async () => target };
  const disk = new MemoryDevice(bytes('disk', 64 * 512), { name: 'disk' });
  const device = await MappedDevice.create({
    name: 'm',
    table: parseTable('0 64 holding'),
    openDevice: async () => disk,
    targetTypes: new Map([
      ['holding', type],
      ['linear', linearTarget],
    ]),
  });
  return { device, target, disk };
}

describe('requests that a target gives back', () => {
  it('are made again after a suspension without flush, through the new table', async () => {
    const { device, disk } = await holding();
    const into = new Uint8Array(16384);
    const data = bytes('data', 4096);
    const requests = [
      device.write(16384, data),
      device.read(0, into),
      device.flush(),
      device.writeZeroes(20480, 4096),
      device.discard(24576, 4096),
    ].map((request) => Promise.resolve(request));
    await device.load(parseTable('0 64 linear disk 0'));
    await device.suspend({ flush: false });
    for (const request of requests) expect(await isSettled(request)).toBe(false);
    await device.resume();
    await Promise.all(requests);
    expect(into).toEqual(disk.content.slice(0, 16384));
    expect(disk.content.slice(16384, 20480)).toEqual(data);
    expect(disk.content.subarray(20480, 24576).every((byte) => byte === 0)).toBe(true);
  });

  it('fail at any other time', async () => {
    const { device, target } = await holding();
    const read = codeOf(Promise.resolve(device.read(0, new Uint8Array(512))));
    target.giveUp();
    expect(await read).toBe('IO_ERROR');
  });

  it('wait without being counted as under way', async () => {
    const { device } = await holding();
    const read = Promise.resolve(device.read(0, new Uint8Array(8192)));
    await device.suspend({ flush: false });
    expect(await codeOf(device.close())).toBe('DEVICE_BUSY');
    await device.load(parseTable('0 64 linear disk 0'));
    await device.resume();
    await read;
    await device.close();
  });
});

describe('a table', () => {
  const load = (table: string, immutableType?: TargetType) => {
    const made = (name: string, more: Partial<TargetType>): [string, TargetType] => [
      name,
      { name, version: [1, 0, 0], construct: async () => new HoldingTarget(), ...more },
    ];
    const types = new Map([
      made('plain', {}),
      made('alone', { singleton: true }),
      made('bound', { immutable: true }),
      made('any', { wildcard: true }),
    ]);
    const options = { name: 'm', readOnly: false, raiseEvent: () => {}, types, statistics: new Statistics() };
    const devices = { devices: [], labels: [], release: async () => {} } as never;
    return LoadedTable.load(parseTable(table), {
      ...options,
      devices,
      immutableType: immutableType && types.get(immutableType.name),
    });
  };

  it('may hold a singleton target only by itself', async () => {
    await load('0 8 alone');
    await expect(load('0 8 alone\n8 8 plain')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'target type alone must appear alone in table',
    });
    await expect(load('0 8 plain\n8 8 alone')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'alone: singleton target type must appear alone in table',
    });
  });

  it('replaces an immutable one only by one of its type, or by errors', async () => {
    const bound = (await load('0 8 bound')).immutableType!;
    expect(bound.name).toBe('bound');
    await load('0 8 bound', bound);
    await load('0 8 any', bound);
    await expect(load('0 8 plain', bound)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: "can't replace immutable target type bound",
    });
  });
});
