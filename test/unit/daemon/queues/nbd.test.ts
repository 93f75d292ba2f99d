import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNbd, formatNbdUri } from '../../../../src/block/index.ts';
import { useSecretAllocator } from '../../../../src/crypto/secret.ts';
import { queueJobs } from '../../../../src/daemon/queues/jobs.ts';
import { NbdServer } from '../../../../src/export/nbd/index.ts';
import { createSecretMemory, ffiAvailable } from '../../../../src/sys/index.ts';
import { expectBytes, pattern, read } from '../../../suites/block-device.ts';
import { pool, threadProgram } from '../../../suites/queue-threads.ts';
import { workspace } from '../../../suites/tools.ts';
import { type House, house, XTS_KEY } from './support.ts';

const program = threadProgram('src/daemon/queues/main.ts');
const place = workspace();
let threads: ReturnType<typeof pool>;
let here: House;

beforeAll(async () => {
  const memory = createSecretMemory();
  if (memory) useSecretAllocator(memory);
  threads = pool(program.path, { jobs: queueJobs });
  here = await house();
});
afterAll(async () => {
  await threads.close();
  await here.end();
});

describe.skipIf(!ffiAvailable())('an NBD connection that queue threads serve', () => {
  it('goes on through suspensions and new tables of the device', async () => {
    const sectors = 8192;
    const disk = await here.disk(sectors);
    const table = `0 ${sectors} crypt aes-xts-plain64 ${XTS_KEY} 0 ${disk} 0`;
    const device = await here.create('nbd', () => table);
    const queues = threads.threadsFor(device);
    expect(queues.count).toBe(2);
    const server = new NbdServer({ exports: [{ name: 'nbd', device }], queues: () => queues });
    const socket = place.file('nbd.sock');
    await server.listenUnix(socket);
    const uri = formatNbdUri({ tls: false, address: { socket }, exportName: 'nbd' });
    const client = await connectNbd(uri);
    let changing = true;
    const changes = (async () => {
      for (let turn = 0; changing; turn++) {
        await here.load(device, () => table);
        if (turn % 3 === 0) await device.suspend({ flush: turn % 2 === 0 });
        await device.resume();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    const size = 64 * 1024;
    for (let round = 1; round <= 5; round++) {
      const all = Array.from({ length: device.size / size }, (_, index) =>
        pattern(size, round * 1000 + index),
      );
      await Promise.all(all.map((data, index) => client.write(index * size, data, { fua: index % 8 === 0 })));
      await client.flush();
      const found = await Promise.all(all.map((_, index) => read(client, index * size, size)));
      for (const [index, data] of all.entries()) expectBytes(found[index] as Uint8Array, data);
    }
    changing = false;
    await changes;
    await client.close();
    await server.close();
  });
});
