import { describe, expect, it } from 'vitest';
import { Events } from '../../../src/dm/events.ts';
import { isSettled } from './support.ts';

describe('events', () => {
  it('end a wait at once when there was another one already', async () => {
    const events = new Events();
    events.raise();
    expect(await events.wait(0)).toBe(1);
    expect(await events.wait(7)).toBe(1);
  });

  it('end every wait', async () => {
    const events = new Events();
    const waits = [events.wait(0), events.wait(0)];
    for (const wait of waits) expect(await isSettled(wait)).toBe(false);
    events.raise();
    expect(await Promise.all(waits)).toEqual([1, 1]);
  });

  it('are no longer waited for by one who gave up', async () => {
    const events = new Events();
    const controller = new AbortController();
    const given = events.wait(0, controller.signal);
    controller.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    await expect(events.wait(0, controller.signal)).rejects.toThrow('enough');
    events.raise();
    const other = new AbortController();
    expect(await events.wait(0, other.signal)).toBe(1);
  });

  it('tell who waits that there will be no more', async () => {
    const events = new Events();
    const waits = [events.wait(0), events.wait(0)];
    events.end(new Error('over'));
    for (const wait of waits) await expect(wait).rejects.toThrow('over');
  });
});
