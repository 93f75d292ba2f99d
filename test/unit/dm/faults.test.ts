import { describe, expect, it } from 'vitest';
import { FaultDevice } from '../../../src/block/index.ts';
import { LaterDevice } from '../../models/later-device.ts';
import { bytes, codeOf, create, disk, failureOf, isSettled, XTS_KEY } from './support.ts';

const SECTOR = 512;
const CRYPT = `0 1024 crypt aes-xts-plain64 ${XTS_KEY} 0 disk 8 1 allow_discards\n1024 1024 linear disk 1032`;

async function rig(later: boolean) {
  const fault = await FaultDevice.over(disk(2056));
  const below = later ? new LaterDevice(fault) : fault;
  return { fault, below, device: await create(CRYPT, { disk: below }) };
}

for (const later of [false, true]) {
  describe(`faults of a ${later ? 'slow' : 'fast'} disk`, () => {
    it('reach the request that met them and no other', async () => {
      const { fault, device } = await rig(later);
      fault.fail({ kind: 'write', offset: (8 + 100) * SECTOR, length: SECTOR, errno: 'ENOSPC' });
      fault.fail({ kind: 'read', offset: (8 + 200) * SECTOR, length: SECTOR, times: 1 });
      const results = await Promise.all(
        Array.from({ length: 512 }, (_, index) =>
          codeOf(() => device.write(index * SECTOR, bytes('x', SECTOR))),
        ),
      );
      expect(results.flatMap((code, index) => (code ? [[index, code]] : []))).toEqual([[100, 'NO_SPACE']]);
      const reads = await Promise.all(
        Array.from({ length: 512 }, (_, index) =>
          codeOf(() => device.read(index * SECTOR, new Uint8Array(SECTOR))),
        ),
      );
      expect(reads.flatMap((code, index) => (code ? [[index, code]] : []))).toEqual([[200, 'IO_ERROR']]);
      expect(await codeOf(() => device.flush())).toBeUndefined();
      await device.close();
    });

    it('fail a request that crosses targets, after all its parts have ended', async () => {
      const { fault, below, device } = await rig(later);
      fault.fail({ kind: 'read', offset: (8 + 1030) * SECTOR, errno: 'ENODATA' });
      const error = await failureOf(() => device.read(0, new Uint8Array(device.size)));
      expect(error).toMatchObject({ code: 'IO_ERROR', errno: 'ENODATA' });
      if (below instanceof LaterDevice) expect(below.running).toBe(0);
      fault.fail({ kind: 'flush' });
      expect(await codeOf(() => device.flush())).toBe('IO_ERROR');
      fault.fail({ kind: 'discard' });
      expect(await codeOf(() => device.discard(0, device.size))).toBe('IO_ERROR');
      fault.fail({ kind: 'write' });
      expect(await codeOf(() => device.writeZeroes(0, SECTOR))).toBe('IO_ERROR');
      expect(await codeOf(() => device.writeZeroes(0, SECTOR))).toBeUndefined();
      await device.close();
    });

    it('give every buffer back: failing writes for ever take no memory', async () => {
      const { fault, device } = await rig(later);
      fault.fail({ kind: 'write', times: Number.POSITIVE_INFINITY });
      const data = bytes('data', 1024 * SECTOR);
      for (let round = 0; round < 40; round++) {
        expect(await codeOf(() => device.write(0, data))).toBe('IO_ERROR');
      }
      fault.heal();
      await device.write(0, data);
      const back = new Uint8Array(data.length);
      await device.read(0, back);
      expect(Buffer.compare(back, data)).toBe(0);
      await device.close();
    });
  });
}

describe('a failing part', () => {
  it('is reported only when no part is under way any more', async () => {
    const fault = await FaultDevice.over(disk(64, 'slow'));
    const slow = new LaterDevice(fault);
    const fast = await FaultDevice.over(disk(64, 'fast'));
    const device = await create('0 32 linear slow 0\n32 32 linear fast 0', { slow, fast });
    fast.fail({ kind: 'read' });
    slow.hold();
    const read = device.read(0, new Uint8Array(device.size)) as Promise<void>;
    expect(await isSettled(read)).toBe(false);
    slow.release();
    expect(await codeOf(read)).toBe('IO_ERROR');
    await device.close();
  });
});
