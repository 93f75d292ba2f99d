import { vi } from 'vitest';
import { fileDeviceSuites } from '../../suites/file-devices.ts';

vi.mock(import('../../../src/sys/uring.ts'), async (original) => ({
  ...(await original()),
  threadRing: () => undefined,
}));

fileDeviceSuites('without io_uring');
