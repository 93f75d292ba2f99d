import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice, openFile } from '../../../src/block/index.ts';
import {
  type Copier,
  copyStack,
  DeviceMapper,
  type MappedDevice,
  mappedStack,
  planStack,
} from '../../../src/dm/index.ts';
import { parseTable } from '../../../src/table/index.ts';
import { expectBytes, pattern, read } from '../../suites/block-device.ts';
import { bytes, codeOf, create, isSettled, XTS_KEY } from './support.ts';

let directory: string;
let path: string;
beforeAll(async () => {
  directory = await mkdtemp('/var/tmp/tscrypt-copies-');
  path = join(directory, 'disk');
  await writeFile(path, bytes('disk', 4096 * 512));
});
afterAll(() => rm(directory, { recursive: true }));

async function stack(
  ...tables: readonly string[]
): Promise<{ mapper: DeviceMapper; devices: MappedDevice[] }> {
  const mapper = new DeviceMapper({ openDevice: (name, how) => openFile(name, how) });
  const devices: MappedDevice[] = [];
  for (const [index, table] of tables.entries()) {
    const device = await mapper.create({ name: `m${index}` });
    await mapper.load(device, parseTable(table));
    await device.resume();
    devices.push(device);
  }
  return { mapper, devices };
}

async function remove({ mapper, devices }: Awaited<ReturnType<typeof stack>>): Promise<void> {
  for (const device of devices.toReversed()) await mapper.remove(device);
}

/** A copier that notes what it is told, and is withdrawn when the test says so. */
class Noting implements Copier {
  readonly told: string[] = [];
  #withdrawn: () => void = () => {};

  withdraw(): Promise<void> {
    this.told.push('withdraw');
    return new Promise((resolve) => {
      this.#withdrawn = resolve;
    });
  }

  changed(): void {
    this.told.push('changed');
  }

  end(): void {
    this.#withdrawn();
  }
}

const linear = (): string => `0 2048 linear ${path} 0`;

describe('the plan of a stack', () => {
  it('makes a device that holds the same', async () => {
    const house = await stack(
      `0 2048 linear ${path} 64`,
      `0 1024 striped 2 8 4095:0 0 ${path} 2048\n1024 1024 crypt aes-xts-plain64 ${XTS_KEY} 0 4095:0 1024`,
    );
    const [lower, upper] = house.devices as [MappedDevice, MappedDevice];
    expect([...mappedStack(upper)]).toEqual([upper, lower]);
    const plan = planStack(upper);
    if (!plan) throw new Error('no plan');
    expect(plan.devices.map(({ name }) => name)).toEqual(['m0', 'm1']);
    expect(plan.notesFailures).toBe(true);
    const copy = await copyStack(plan, async () => upper.flush());
    const data = pattern(700 * 1024, 1);
    await copy.device.write(4096, data);
    expectBytes(await read(upper, 4096, data.length), data);
    expect(copy.device.limits).toEqual(upper.limits);
    expect(copy.device.features).toEqual(upper.features);
    await copy.close();
    expectBytes(await read(upper, 4096, data.length), data);
    await remove(house);
  });

  it.each(['delay', 'flakey', 'dust'])('is not to be had with a target that has state: %s', async (type) => {
    const args = { delay: '0 0', flakey: '0 1 0', dust: '0 512' }[type];
    const house = await stack(
      `0 1024 linear ${path} 0\n1024 1024 ${type} ${path} ${args}`,
      '0 512 linear 4095:0 0',
    );
    for (const device of house.devices) expect(planStack(device)).toBeUndefined();
    await remove(house);
  });

  it('is not to be had with statistics, while suspended, without a table, or when it is closed', async () => {
    const house = await stack(linear(), '0 1024 linear 4095:0 0');
    const [lower, upper] = house.devices as [MappedDevice, MappedDevice];
    expect(planStack(upper)).toBeDefined();
    await lower.message(0, ['@stats_create', '-', '/1']);
    expect(planStack(upper)).toBeUndefined();
    await lower.message(0, ['@stats_delete', '0']);
    expect(planStack(upper)).toBeDefined();
    await lower.suspend();
    expect(planStack(upper)).toBeUndefined();
    await lower.resume();
    expect(planStack(upper)).toBeDefined();
    const empty = await house.mapper.create({ name: 'empty' });
    expect(planStack(empty)).toBeUndefined();
    await house.mapper.remove(empty);
    await remove(house);
    expect(planStack(upper)).toBeUndefined();
  });

  it('leaves nothing behind when it cannot be carried out', async () => {
    const house = await stack(linear());
    const plan = planStack(house.devices[0] as MappedDevice);
    if (!plan) throw new Error('no plan');
    const [first] = plan.devices;
    const broken = { ...plan, devices: [first, { ...first, name: 'm1', below: [] }] } as typeof plan;
    await expect(copyStack(broken, async () => {})).rejects.toMatchObject({ code: 'INTERNAL' });
    await remove(house);
  });
});

describe('copies', () => {
  it('are waited for by a suspension, and told of its end', async () => {
    const house = await stack(linear());
    const device = house.devices[0] as MappedDevice;
    const copier = new Noting();
    device.copies.add(copier);
    const suspended = device.suspend();
    expect(await isSettled(suspended)).toBe(false);
    expect(device.info.state).toBe('active');
    copier.end();
    await suspended;
    expect(copier.told).toEqual(['withdraw']);
    await device.resume();
    expect(copier.told).toEqual(['withdraw', 'changed']);
    device.copies.remove(copier);
    await remove(house);
  });

  it('are waited for before a table is replaced, and before the device is closed', async () => {
    const house = await stack(linear());
    const device = house.devices[0] as MappedDevice;
    const copier = new Noting();
    device.copies.add(copier);
    await house.mapper.load(device, parseTable(`0 1024 linear ${path} 0`));
    expect(copier.told).toEqual([]);
    const resumed = device.resume();
    expect(await isSettled(resumed)).toBe(false);
    expect(device.size).toBe(2048 * 512);
    copier.end();
    await resumed;
    expect(device.size).toBe(1024 * 512);
    expect(copier.told).toEqual(['withdraw', 'changed']);
    const closed = device.close();
    expect(await isSettled(closed)).toBe(false);
    copier.end();
    await closed;
    expect(copier.told).toEqual(['withdraw', 'changed', 'withdraw']);
  });

  it('are withdrawn before statistics begin, and no other comes in between', async () => {
    const house = await stack(linear());
    const device = house.devices[0] as MappedDevice;
    const copier = new Noting();
    device.copies.add(copier);
    const created = device.message(0, ['@stats_create', '-', '/1']);
    expect(await isSettled(created)).toBe(false);
    expect(planStack(device)).toBeUndefined();
    copier.end();
    expect(await created).toBe('0');
    expect(planStack(device)).toBeUndefined();
    device.copies.remove(copier);
    await remove(house);
  });

  it('are made again when a suspension does not come about', async () => {
    const disk = await FaultDevice.over(new MemoryDevice(4096 * 512));
    const device = await create('0 4096 linear disk 0', { disk });
    const copier = new Noting();
    device.copies.add(copier);
    disk.fail({ kind: 'flush' });
    const suspended = codeOf(device.suspend());
    await isSettled(suspended);
    expect(device.copies.allowed).toBe(false);
    copier.end();
    expect(await suspended).toBe('IO_ERROR');
    expect(copier.told).toEqual(['withdraw', 'changed']);
    expect(device.copies.allowed).toBe(true);
    device.copies.remove(copier);
    await device.close();
  });
});
