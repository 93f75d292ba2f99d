/** A process whose queue thread throws what nobody catches. Arguments: the thread's program, a disk of 1 MiB. */
import { openFile } from '../../src/block/index.ts';
import { MappedDevice } from '../../src/dm/index.ts';
import { parseTable } from '../../src/table/index.ts';
import { DeviceInThread, pool } from './queue-stands.ts';

const [program = '', disk = ''] = process.argv.slice(2);
const device = await MappedDevice.create({
  name: 'crash',
  table: parseTable(`0 2048 linear ${disk} 0`),
  openDevice: (name, how) => openFile(name, how),
});
const stand = await DeviceInThread.open(pool(program), device);
await stand.read(0, 4096);
stand.crash();
// What the thread had under way is never answered; the process must not wait for it.
await stand.run.ended;
