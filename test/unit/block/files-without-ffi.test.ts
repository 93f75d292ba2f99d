import { expect, it, vi } from 'vitest';
import { ffiAvailable } from '../../../src/sys/index.ts';
import { fileDeviceSuites } from '../../suites/file-devices.ts';

vi.hoisted(() => {
  process.env.TSCRYPT_NO_FFI = '1';
});

it('does without foreign functions', () => expect(ffiAvailable()).toBe(false));
fileDeviceSuites('without foreign functions');
