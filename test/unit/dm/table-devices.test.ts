import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../src/block/index.ts';
import { TableDevices } from '../../../src/dm/table-devices.ts';
import { TscryptError } from '../../../src/errors.ts';
import { codeOf } from './support.ts';

/** Opens a disk, or fails while there is none; counts what is open. */
function disks() {
  const state = { there: true, open: 0, openings: 0 };
  const open = async (name: string) => {
    if (!state.there) throw new TscryptError('CONNECTION_LOST', 'gone');
    state.open++;
    state.openings++;
    const device = new MemoryDevice(4096, { name });
    const close = device.close.bind(device);
    device.close = async () => {
      await close();
      state.open--;
    };
    return device;
  };
  return { state, devices: new TableDevices(open) };
}

describe('the devices of tables', () => {
  it('are opened once for all tables, and closed with the last', async () => {
    const { state, devices } = disks();
    const [live, next] = [devices.references(false), devices.references(false)];
    expect(await live.open('a')).toBe(await next.open('a'));
    expect(await live.open('a')).toBe(await live.open('a'));
    await devices.references(true).open('a');
    expect(state.openings).toBe(2);
    await live.release();
    expect(state.open).toBe(2);
    await next.release();
    expect(state.open).toBe(1);
  });

  it('go by one name, whatever they are called in each table', async () => {
    const { state, devices } = disks();
    const table = devices.references(false, (name) => name.toLowerCase());
    expect(await table.open('A')).toBe(await table.open('a'));
    expect([table.label('A'), table.labels]).toEqual(['a', ['a']]);
    expect(state.openings).toBe(1);
  });

  it('come back for a live table although another one could not be loaded meanwhile', async () => {
    const { state, devices } = disks();
    const live = devices.references(false);
    const old = await live.open('a');
    state.there = false;
    expect(await codeOf(live.reopen('a'))).toBe('CONNECTION_LOST');
    const next = devices.references(false);
    expect(await codeOf(next.open('a'))).toBe('CONNECTION_LOST');
    await next.release();
    state.there = true;
    const fresh = await live.reopen('a');
    expect(fresh).not.toBe(old);
    expect(state.open).toBe(1);
    await live.release();
    expect(state.open).toBe(0);
  });

  it('that could not be opened leave nothing behind', async () => {
    const { state, devices } = disks();
    state.there = false;
    const table = devices.references(false);
    expect(await codeOf(table.open('a'))).toBe('CONNECTION_LOST');
    state.there = true;
    await table.open('a');
    await table.release();
    expect([state.open, state.openings]).toEqual([0, 1]);
  });
});
