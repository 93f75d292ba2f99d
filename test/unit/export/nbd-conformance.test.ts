import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import {
  type BlockDevice,
  connectNbd,
  formatNbdUri,
  MemoryDevice,
  type NbdClientOptions,
  openFile,
} from '../../../src/block/index.ts';
import { NbdServer, type NbdTlsOptions } from '../../../src/export/nbd/index.ts';
import { type BlockDeviceFactory, blockDeviceSuite } from '../../suites/block-device.ts';
import { makeCertificate } from '../../suites/certificate.ts';
import { WAYS } from '../../suites/nbd-fixture.ts';
import { requires } from '../../suites/requires.ts';

const SIZE = 2 * 1024 * 1024;
const EXPORT = 'a disk/ü%';

describe.each(WAYS)('%s', (_name, way) => {
  blockDeviceSuite(
    'an NBD export of memory on a unix socket',
    overNbd(async () => new MemoryDevice(SIZE), way),
  );
  blockDeviceSuite(
    'an NBD export of memory with 4096-byte blocks',
    overNbd(async () => new MemoryDevice(SIZE, { logicalBlockSize: 4096 }), way),
  );
  blockDeviceSuite(
    'an NBD export of a file',
    overNbd(async (directory) => {
      const path = join(directory, 'image');
      await writeFile(path, '', { flag: 'a' });
      await truncate(path, SIZE);
      return openFile(path);
    }, way),
  );
  blockDeviceSuite(
    'an NBD export of a device that answers out of order and in small pieces',
    overNbd(async () => lateDevice(new MemoryDevice(SIZE)), way),
  );
});

describe.skipIf(!requires('openssl'))('TLS', () => {
  blockDeviceSuite(
    'an NBD export over TLS and TCP',
    overNbd(async () => new MemoryDevice(SIZE), {}, makeCertificate()),
  );
});

/** A device of which everything finishes later, and not in the order it was asked for. */
function lateDevice(device: BlockDevice): BlockDevice {
  let count = 0;
  const later = async (): Promise<void> => {
    count += 1;
    const turns = (count * 7) % 5;
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    name: device.name,
    size: device.size,
    readOnly: device.readOnly,
    limits: { ...device.limits, maxIoSize: 64 * 1024 },
    features: device.features,
    read: (offset, into) => later().then(() => device.read(offset, into)),
    write: (offset, from, options) => later().then(() => device.write(offset, from, options)),
    flush: () => later().then(() => device.flush()),
    discard: (offset, length) => later().then(() => device.discard(offset, length)),
    writeZeroes: (offset, length) => later().then(() => device.writeZeroes(offset, length)),
    extents: async (_offset, length) => [
      { length: length / 2, hole: false, zero: false },
      { length: length / 2, hole: false, zero: false },
    ],
    close: () => device.close(),
  };
}

function overNbd(
  make: (directory: string) => Promise<BlockDevice>,
  way: (typeof WAYS)[number][1],
  tls?: NbdTlsOptions,
): BlockDeviceFactory {
  let directory = '';
  let uri = '';
  let server: NbdServer;
  let device: BlockDevice;
  const options: NbdClientOptions = tls ? { tls: { ca: tls.cert } } : {};
  return {
    async create() {
      directory = await mkdtemp(join(tmpdir(), 'tscrypt-nbd-'));
      device = await make(directory);
      server = new NbdServer({ ...way, exports: [{ name: EXPORT, device }], ...(tls && { tls }) });
      const socket = join(directory, 'nbd.sock');
      if (tls) {
        const { port } = await server.listenTcp('127.0.0.1', 0);
        uri = formatNbdUri({ tls: true, address: { host: '127.0.0.1', port }, exportName: EXPORT });
      } else {
        await server.listenUnix(socket);
        uri = formatNbdUri({ tls: false, address: { socket }, exportName: EXPORT });
      }
      return connectNbd(uri, options);
    },
    reopen: ({ readOnly }) => connectNbd(uri, { ...options, readOnly }),
    async cleanup() {
      await server.close();
      await device.close();
      await rm(directory, { recursive: true });
    },
  };
}
