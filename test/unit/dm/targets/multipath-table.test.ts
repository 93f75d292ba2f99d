import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../../src/block/index.ts';
import { formatStatusLine, type MappedDevice } from '../../../../src/dm/index.ts';
import { formatTableLine } from '../../../../src/table/index.ts';
import { create, disk, failureOf } from '../support.ts';

const disks = () => ({ a: disk(2048, 'a'), b: disk(2048, 'b') });

function make(args: string): Promise<MappedDevice> {
  return create(`0 2048 multipath ${args}`, disks());
}

/** What the kernel puts into a table that was made of `args`, and its first status. */
async function forms(args: string): Promise<[table: string, status: string]> {
  const device = await make(args);
  const [line] = device.table();
  const [status] = device.status();
  await device.close();
  return [formatTableLine(line!), formatStatusLine(status!)];
}

describe('the table line', () => {
  const paths = '1 1 round-robin 0 2 1 a 1 b 1';

  // What Linux 6.12 prints, but for the blank at the end of tables, and names where it has numbers.
  it.each([
    [`2 queue_mode bio 0 ${paths}`, `3 retain_attached_hw_handler queue_mode bio 0 ${paths}`],
    [`0 0 ${paths}`, `0 0 ${paths}`],
    [`2 queue_mode rq 0 ${paths}`, `0 0 ${paths}`],
    [`2 QUEUE_MODE MQ 0 ${paths}`, `0 0 ${paths}`],
    [`4 queue_mode bio queue_mode rq 0 ${paths}`, `0 0 ${paths}`],
    [`1 retain_attached_hw_handler 0 ${paths}`, `1 retain_attached_hw_handler 0 ${paths}`],
    ['1 QUEUE_IF_NO_PATH 0 0 0', '1 queue_if_no_path 0 0 0'],
    ['2 queue_if_no_path queue_if_no_path 0 0 0', '1 queue_if_no_path 0 0 0'],
    ['4 pg_init_retries 3 pg_init_retries 5 0 0 0', '2 pg_init_retries 5 0 0 0'],
    ['2 pg_init_delay_msecs 0 0 0 0', '2 pg_init_delay_msecs 0 0 0 0'],
    ['2 pg_init_delay_msecs 2000 0 0 0', '2 pg_init_delay_msecs 2000 0 0 0'],
    [
      '8 queue_mode bio pg_init_delay_msecs 4 pg_init_retries 3 queue_if_no_path queue_if_no_path 0 0 0',
      '8 queue_if_no_path pg_init_retries 3 pg_init_delay_msecs 4 retain_attached_hw_handler queue_mode bio 0 0 0',
    ],
    [`0 1 alua ${paths}`, `0 1 alua ${paths}`],
    [`0 3 emc 1 0 ${paths}`, `0 1 emc ${paths}`],
    [`2 queue_mode bio 3 alua 1 2 ${paths}`, `3 retain_attached_hw_handler queue_mode bio 0 ${paths}`],
    ['0 0 1 9 round-robin 1 x 1 0 a', '0 0 1 1 round-robin 0 1 1 a 1'],
    ['0 0 1 1 round-robin 0 2 1 a 1000 b 0', '0 0 1 1 round-robin 0 2 1 a 1 b 0'],
    [
      '0 0 2 2 queue-length 0 1 1 a 0 queue-length 0 1 0 b',
      '0 0 2 2 queue-length 0 1 1 a 0 queue-length 0 1 1 b 1',
    ],
    ['0 0 1 1 service-time 0 2 2 a 7 0 b 1 100', '0 0 1 1 service-time 0 2 2 a 1 0 b 1 100'],
    ['0 0 1 1 service-time 0 1 0 a', '0 0 1 1 service-time 0 1 2 a 1 1'],
    [
      '0 0 1 1 historical-service-time 2 960 2 2 1 a 1 b 1',
      '0 0 1 1 historical-service-time 2 960 2 2 1 a 0 b 0',
    ],
    ['0 0 1 1 historical-service-time 0 1 0 a', '0 0 1 1 historical-service-time 2 972 0 1 1 a 0'],
    ['0 0 1 1 io-affinity 0 2 1 a 0001 b ff,FFFFFFFE', '0 0 1 1 io-affinity 0 2 1 a 1 b ff,fffffffe'],
  ])('%s', async (given, printed) => {
    const [table] = await forms(given);
    expect(table).toBe(`0 2048 multipath ${printed}`);
    const [again] = await forms(printed);
    expect(again).toBe(table);
  });

  it.each([
    [`0 0 ${paths}`, '2 1 0 0 1 1 E 0 2 0 a A 0 b A 0 '],
    ['0 1 alua 0 0', '2 1 0 0 0 0 '],
    ['0 0 2 2 queue-length 0 1 0 a queue-length 0 1 0 b', '2 1 0 0 2 2 E 0 1 1 a A 0 0 E 0 1 1 b A 0 0 '],
    ['0 0 1 1 service-time 0 2 2 a 1 7 b 1 3', '2 1 0 0 1 1 E 0 2 2 a A 0 0 7 b A 0 0 3 '],
    [
      '0 0 1 1 historical-service-time 2 960 2 2 1 a 1 b 1',
      '2 1 0 0 1 1 E 2 960 2 2 3 a A 0 1024 0 0 b A 0 1024 0 0 ',
    ],
    ['0 0 1 1 io-affinity 0 1 1 a 1', '2 1 0 0 1 1 E 0 1 1 a A 0 0 '],
  ])('%s has a status', async (given, printed) => {
    const [, status] = await forms(given);
    expect(status).toBe(`0 2048 multipath ${printed}`);
  });

  it.each([
    ['', 'invalid number of feature args'],
    ['9', 'invalid number of feature args'],
    ['x 0 1 1', 'invalid number of feature args'],
    ['+1 queue_if_no_path 0 0 0', 'invalid number of feature args'],
    ['1', 'invalid number of feature args'],
    ['1 nonsense 0 0 0', 'Unrecognised multipath feature request'],
    ['1 queue_mode 0 0 0', 'Unrecognised multipath feature request'],
    ['1 pg_init_retries 0 0 0', 'Unrecognised multipath feature request'],
    ['2 queue_mode slow 0 0 0', "Unknown 'queue_mode' requested"],
    ['2 pg_init_retries 0 0 0 0', 'pg_init_retries must be between 1 and 50'],
    ['2 pg_init_retries 51 0 0 0', 'pg_init_retries must be between 1 and 50'],
    ['2 pg_init_delay_msecs 60001 0 0 0', 'pg_init_delay_msecs must be between 0 and 60000'],
    ['0', 'invalid number of hardware handler args'],
    ['0 x', 'invalid number of hardware handler args'],
    ['0 2 alua', 'invalid number of hardware handler args'],
    ['0 0', 'invalid number of priority groups'],
    ['0 0 1025 1', 'invalid number of priority groups'],
    ['0 0 0', 'invalid initial priority group number'],
    ['0 0 1 1025', 'invalid initial priority group number'],
    ['0 0 0 1', 'invalid initial priority group'],
    ['0 0 1 0', 'invalid initial priority group'],
    ['0 0 1 1', 'priority group count mismatch'],
    ['0 0 2 1 round-robin 0 1 0 a', 'priority group count mismatch'],
    ['0 0 1 1 round-robin 0 1 0 a round-robin 0 1 0 b', 'priority group count mismatch'],
    ['0 0 1 1 round-robin', 'not enough priority group arguments'],
    ['0 0 1 1 round-robin 0 1 0 a more', 'not enough priority group arguments'],
    ['0 0 1 1 nonsense 0', 'unknown path selector type'],
    ['0 0 1 1 ROUND-ROBIN 0 1 0 a', 'unknown path selector type'],
    ['0 0 1 1 round-robin x 1 0 a', 'invalid number of path selector args'],
    ['0 0 1 1 round-robin 9 1 0 a', 'invalid number of path selector args'],
    ['0 0 1 1 round-robin 0', 'invalid number of paths'],
    ['0 0 1 1 round-robin 0 0 0', 'invalid number of paths'],
    ['0 0 1 1 round-robin 0 1', 'invalid number of selector args'],
    ['0 0 1 1 round-robin 0 1 x a', 'invalid number of selector args'],
    ['0 0 1 1 round-robin 0 1 0', 'not enough path parameters'],
    ['0 0 1 1 round-robin 0 2 1 a 1 b', 'not enough path parameters'],
    ['0 0 1 1 round-robin 0 1 1 a x', 'round-robin ps: invalid repeat count'],
    ['0 0 1 1 round-robin 0 1 2 a 1 1', 'round-robin ps: incorrect number of arguments'],
    ['0 0 1 1 queue-length 0 1 1 a -1', 'queue-length ps: invalid repeat count'],
    ['0 0 1 1 queue-length 0 1 2 a 1 1', 'queue-length ps: incorrect number of arguments'],
    ['0 0 1 1 service-time 0 1 1 a 1x', 'service-time ps: invalid repeat count'],
    ['0 0 1 1 service-time 0 1 2 a 1 101', 'service-time ps: invalid relative_throughput value'],
    ['0 0 1 1 service-time 0 1 2 a 1 x', 'service-time ps: invalid relative_throughput value'],
    ['0 0 1 1 service-time 0 1 3 a 1 1 1', 'service-time ps: incorrect number of arguments'],
    ['0 0 1 1 historical-service-time 1 1024 1 0 a', 'path selector constructor failed'],
    ['0 0 1 1 historical-service-time 1 x 1 0 a', 'path selector constructor failed'],
    ['0 0 1 1 historical-service-time 2 1 x 1 0 a', 'path selector constructor failed'],
    ['0 0 1 1 historical-service-time 3 1 1 1 1 0 a', 'path selector constructor failed'],
    ['0 0 1 1 historical-service-time 0 1 1 a x', 'historical-service-time ps: invalid repeat count'],
    [
      '0 0 1 1 historical-service-time 0 1 2 a 1 1',
      'historical-service-time ps: incorrect number of arguments',
    ],
    ['0 0 1 1 io-affinity 0 1 0 a', 'io-affinity ps: invalid number of arguments'],
    ['0 0 1 1 io-affinity 0 1 2 a 1 2', 'io-affinity ps: invalid number of arguments'],
    ['0 0 1 1 io-affinity 0 1 1 a 0x1', 'io-affinity ps: invalid cpumask'],
    ['0 0 1 1 io-affinity 0 1 1 a 123456789', 'io-affinity ps: invalid cpumask'],
    ['0 0 1 1 io-affinity 0 1 1 a 0', 'io-affinity ps: No new/valid CPU mapping found'],
    ['0 0 1 1 io-affinity 0 2 1 a 3 b 2', 'io-affinity ps: No new/valid CPU mapping found'],
  ])('%s is refused', async (given, text) => {
    const error = await failureOf(make(given));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', errno: 'EINVAL', message: `multipath: ${text}` });
  });

  it('names a device that is not there', async () => {
    const error = await failureOf(make('0 0 1 1 round-robin 0 2 0 a nope'));
    expect(error).toMatchObject({ code: 'NO_SUCH_DEVICE', errno: 'ENOENT' });
    expect(error?.message).toMatch(/^multipath: error getting device: /);
  });

  it('wants to be alone, and is followed by its kind only', async () => {
    const line = '0 2048 multipath 0 0 1 1 round-robin 0 1 0 a';
    expect(await failureOf(create(`${line}\n2048 8 zero`, disks()))).toMatchObject({
      message: 'target type multipath must appear alone in table',
    });
    const device = await create(line, disks());
    const linear = { start: 0, length: 8, type: 'linear', args: ['a', '0'] };
    expect(await failureOf(device.load([linear]))).toMatchObject({
      message: "can't replace immutable target type multipath",
    });
    await device.load([{ ...linear, type: 'error', args: [] }]);
    await device.close();
  });
});

describe('limits and features', () => {
  it('are what all paths can do', async () => {
    const plain = new MemoryDevice(1024 * 1024, { name: 'plain' });
    const large = new MemoryDevice(1024 * 1024, { name: 'large', logicalBlockSize: 4096 });
    Object.assign(large, { features: { discard: false, fastZeroes: true, multiConnection: false } });
    const device = await create('0 2048 multipath 0 0 1 1 round-robin 0 2 0 plain large', { plain, large });
    expect(device.limits).toMatchObject({ logicalBlockSize: 4096, physicalBlockSize: 4096 });
    expect(device.features).toEqual({ discard: false, fastZeroes: true, multiConnection: false });
    await device.close();
  });

  it('want every path to be as large as the device', async () => {
    const error = await failureOf(
      create('0 2048 multipath 0 0 1 1 round-robin 0 2 0 a small', {
        ...disks(),
        small: disk(2040, 'small'),
      }),
    );
    expect(error?.code).toBe('DEVICE_TOO_SMALL');
  });
});
