import { createInterface } from 'node:readline';
import { openFile } from '../../src/block/index.ts';
import { MappedDevice } from '../../src/dm/index.ts';
import { NbdServer } from '../../src/export/nbd/index.ts';
import { parseTable, splitArgs } from '../../src/table/index.ts';
import { SECTOR_SIZE } from '../../src/units.ts';

/**
 * A program for the guest: exports DATA, whose writes go into LOG, on SOCKET. Says `ready`, then takes a message to
 * the target a line and answers `ok`; at the end of its input it takes everything away and says `closed`.
 */
const [data = '', log = '', socket = ''] = process.argv.slice(2);
const files = { data: await openFile(data), log: await openFile(log) };
const device = await MappedDevice.create({
  name: 'logged',
  table: parseTable(`0 ${files.data.size / SECTOR_SIZE} log-writes data log`),
  openDevice: async (name) => files[name as 'data' | 'log'],
});
const server = new NbdServer({ exports: [{ name: 'logged', device }] });
await server.listenUnix(socket);
console.log('ready');
for await (const line of createInterface(process.stdin)) {
  await device.message(0, splitArgs(line));
  console.log('ok');
}
await server.close();
await device.close();
console.log('closed');
