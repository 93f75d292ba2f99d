import { copyFile, open, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  activateDevice,
  closeDevice,
  type DeviceInfo,
  findDevice,
  listDevices,
  loadDeviceTable,
  resumeDevice,
  suspendDevice,
} from '../../src/daemon/index.ts';
import { parseTable } from '../../src/table/index.ts';
import { requires } from '../suites/requires.ts';
import { run, workspace } from '../suites/tools.ts';

/** Bytes that fio writes to; the device may be larger. */
const USED = 16 * 1024 * 1024;
const SECTORS = USED / 512;
const SWAPS = 200;

/**
 * fio writes and verifies, one whole run after the other, while `action` exchanges tables below it.
 *
 * @returns how many runs of fio there were
 */
async function underLoad(info: DeviceInfo, cwd: string, action: () => Promise<void>): Promise<number> {
  let over = false;
  let runs = 0;
  const client = async (index: number): Promise<void> => {
    do {
      const size = USED / 2;
      const fio = await run(
        'fio',
        [
          ...[`--name=client${index}`, '--ioengine=nbd', `--uri=${info.uris[0]}`],
          ...['--rw=randwrite', '--bsrange=4k-64k', '--iodepth=16', '--fsync=64'],
          ...[`--offset=${index * size}`, `--size=${size}`, `--randseed=${1000 * index + runs + 1}`],
          ...['--verify=crc32c', '--verify_fatal=1', '--verify_backlog=256', '--verify_state_save=0'],
        ],
        { cwd, timeout: 120_000 },
      );
      expect(fio.status, fio.stderr + fio.stdout).toBe(0);
      runs++;
    } while (!over);
  };
  const clients = [0, 1].map(client);
  try {
    await action();
  } finally {
    over = true;
    await Promise.all(clients);
  }
  return runs;
}

describe.skipIf(!requires('build', 'fio'))('tables exchanged under load', () => {
  const files = workspace();
  let previous: string | undefined;

  beforeAll(() => {
    previous = process.env.TSCRYPT_RUNTIME_DIR;
    process.env.TSCRYPT_RUNTIME_DIR = files.env.TSCRYPT_RUNTIME_DIR;
  });
  afterAll(async () => {
    // Those made later lie upon those made before.
    const devices = (await listDevices()).sort((a, b) => b.minor - a.minor);
    for (const { name } of devices) await closeDevice(name, { force: true });
    if (previous === undefined) delete process.env.TSCRYPT_RUNTIME_DIR;
    else process.env.TSCRYPT_RUNTIME_DIR = previous;
  });

  const image = async (name: string, size = 2 * USED): Promise<string> => {
    const file = await open(files.file(name), 'wx');
    await file.truncate(size);
    await file.close();
    return files.file(name);
  };
  const create = (name: string, table: string) =>
    activateDevice({ name, uuid: '', common: true, table: parseTable(table) });
  const exchange = async (name: string, table: string, flush = true): Promise<void> => {
    await loadDeviceTable(name, parseTable(table));
    await resumeDevice(name, { flush });
  };

  it(`lose nothing when equal tables are exchanged ${SWAPS} times`, async () => {
    const path = await image('equal');
    const half = SECTORS / 2;
    const tables = [
      `0 ${SECTORS} linear ${path} 0`,
      `0 ${half} linear ${path} 0\n${half} ${half} linear ${path} ${half}`,
      // The same once more through a device below.
      `0 ${SECTORS} linear /dev/mapper/below 0`,
    ];
    await create('below', `0 ${SECTORS} linear ${path} 0`);
    const info = await create('equal', tables[0]!);
    const runs = await underLoad(info, files.path, async () => {
      for (let swap = 1; swap <= SWAPS; swap++) {
        await exchange('equal', tables[swap % tables.length]!, swap % 2 === 0);
      }
    });
    expect(runs).toBeGreaterThanOrEqual(2);
    expect((await findDevice('equal'))?.suspended).toBe(false);
  }, 240_000);

  it('lose nothing when the data moves to another file', async () => {
    const first = await image('first');
    const second = await image('second');
    const info = await create('moved', `0 ${SECTORS} linear ${first} 0`);
    const places = [second, first];
    await underLoad(info, files.path, async () => {
      for (let move = 0; move < 10; move++) {
        const to = places[move % 2]!;
        const from = places[(move + 1) % 2]!;
        await suspendDevice('moved');
        await copyFile(from, to);
        await exchange('moved', `0 ${SECTORS} linear ${to} 0`);
        // What is left behind must not be read any more.
        const file = await open(from, 'r+');
        await file.write(Buffer.alloc(USED, 0xee), 0, USED, 0);
        await file.close();
      }
    });
    expect((await stat(first)).size).toBe(2 * USED);
  }, 240_000);

  it('lose nothing when the device grows and shrinks', async () => {
    const path = await image('sized');
    const info = await create('sized', `0 ${SECTORS} linear ${path} 0`);
    await underLoad(info, files.path, async () => {
      for (let step = 0; step < 40; step++) {
        const sectors = SECTORS + (step % 4) * 2048;
        await exchange('sized', `0 ${sectors} linear ${path} 0`);
        expect((await findDevice('sized'))?.size).toBe(sectors * 512);
      }
    });
  }, 240_000);
});
