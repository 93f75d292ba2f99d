import { mkdtemp, open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { BackingDevices } from '../../../../src/daemon/backing-devices.ts';
import { DeviceMapper, type MappedDevice } from '../../../../src/dm/index.ts';
import { parseTable } from '../../../../src/table/index.ts';

export const XTS_KEY = Buffer.from(Array.from({ length: 64 }, (_, index) => 0x80 + index)).toString('hex');

/** A table, given what makes a new disk of so many sectors and gives its name. */
type Table = (disk: (sectors: number) => string) => string;

/** Mapped devices over files, as a daemon has them. */
export interface House {
  readonly mapper: DeviceMapper;
  create(name: string, table: Table): Promise<MappedDevice>;
  load(device: MappedDevice, table: Table): Promise<void>;
  /** A disk for several tables. */
  disk(sectors: number): Promise<string>;
  /** Cuts the disk off that was the `index`th to be made since the last {@link clear}. */
  truncate(index: number, size: number): Promise<void>;
  clear(): Promise<void>;
  end(): Promise<void>;
}

export async function house(): Promise<House> {
  // Requests to a file system in memory end inline; many machines have one in /tmp, so not there.
  const directory = await mkdtemp('/var/tmp/tscrypt-queues-');
  const backing = new BackingDevices({ workingDirectory: directory, shared: true });
  const mapper = new DeviceMapper({ openDevice: backing.open });
  const disks: string[] = [];
  const fill = async (table: Table): Promise<ReturnType<typeof parseTable>> => {
    const sizes: [string, number][] = [];
    const text = table((sectors) => {
      const path = join(directory, `disk${disks.length + sizes.length}`);
      sizes.push([path, sectors * 512]);
      return path;
    });
    for (const [path, size] of sizes) {
      await makeDisk(path, size);
      disks.push(path);
    }
    return parseTable(text);
  };
  let kept = 0;
  const clear = async (): Promise<void> => {
    for (let turn = 0; mapper.devices.length > 0; turn++) {
      for (const device of mapper.devices) {
        if (device.info.openCount === 0 || turn > 9) await mapper.remove(device);
      }
    }
    disks.length = 0;
  };
  return {
    mapper,
    async create(name, table) {
      const device = await mapper.create({ name });
      await mapper.load(device, await fill(table));
      await device.resume();
      return device;
    },
    load: async (device, table) => mapper.load(device, await fill(table)),
    async disk(sectors) {
      const path = join(directory, `kept${kept++}`);
      await makeDisk(path, sectors * 512);
      return path;
    },
    truncate: (index, size) => truncate(disks[index] as string, size),
    clear,
    end: async () => {
      await clear();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function makeDisk(path: string, size: number): Promise<void> {
  const file = await open(path, 'w');
  await file.truncate(size);
  await file.close();
}
