import { FaultDevice, MemoryDevice, SliceDevice } from '../../../src/block/index.ts';
import { blockDeviceSuite } from '../../suites/block-device.ts';

const SIZE = 2 * 1024 * 1024;

blockDeviceSuite('memory', { create: async () => new MemoryDevice(SIZE) });
blockDeviceSuite('memory of 4096-byte blocks', {
  create: async () => new MemoryDevice(SIZE, { logicalBlockSize: 4096 }),
});
blockDeviceSuite('slice', {
  create: async () =>
    new SliceDevice(new MemoryDevice(SIZE), 512 * 1024, 1024 * 1024 + 512, { ownsDevice: true }),
});
blockDeviceSuite('fault device without faults', { create: () => FaultDevice.over(new MemoryDevice(SIZE)) });
