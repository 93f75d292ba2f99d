import { chmodSync, closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type BlockDevice, connectNbd } from '../../src/block/index.ts';
import { Secret } from '../../src/crypto/index.ts';
import { type ActivationRequest, closeDevice, type DeviceInfo, listDevices } from '../../src/daemon/index.ts';
import { SECTOR_SIZE } from '../../src/units.ts';

export const IMAGE_SIZE = 8 * 1024 * 1024;

/** A runtime directory and images of this test file's own; every device that a test leaves is closed. */
export class DaemonHarness {
  #directory = '';
  #images = 0;

  constructor() {
    beforeAll(() => {
      this.#directory = mkdtempSync(join(tmpdir(), 'tscrypt-daemon-'));
      // Other users are to fail at our doors, not at this one.
      chmodSync(this.directory, 0o755);
      process.env.TSCRYPT_RUNTIME_DIR = this.runtime;
    });
    afterEach(async () => {
      for (const { name } of await listDevices()) await closeDevice(name, { force: true });
    });
    afterAll(() => rmSync(this.directory, { recursive: true }));
  }

  get directory(): string {
    return this.#directory;
  }

  get runtime(): string {
    return join(this.#directory, 'run');
  }

  image(size = IMAGE_SIZE): string {
    const path = join(this.directory, `image-${this.#images++}`);
    const fd = openSync(path, 'wx', 0o600);
    ftruncateSync(fd, size);
    closeSync(fd);
    return path;
  }

  /** A request for a device over the whole image, plain or encrypted. */
  linear(name: string, image: string, more: Partial<ActivationRequest> = {}): ActivationRequest {
    const length = IMAGE_SIZE / SECTOR_SIZE;
    return {
      name,
      uuid: `TEST-${name}`,
      table: [{ start: 0, length, type: 'linear', args: [image, '0'] }],
      ...more,
    };
  }

  crypt(name: string, image: string, key: Secret, more: Partial<ActivationRequest> = {}): ActivationRequest {
    const length = IMAGE_SIZE / SECTOR_SIZE;
    const args = ['aes-xts-plain64', key, '0', image, '0'];
    return { name, uuid: `TEST-${name}`, table: [{ start: 0, length, type: 'crypt', args }], ...more };
  }
}

export function connect(info: DeviceInfo): Promise<BlockDevice> {
  const uri = info.uris[0];
  if (uri === undefined) throw new Error('the device has no URI');
  return connectNbd(uri);
}

export function pattern(length: number, seed: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}

/** Waits until `condition` holds; the test's own time limit ends a wait in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

export function codeIs(code: string): unknown {
  return {
    asymmetricMatch: (error: unknown) => (error as { code?: unknown } | undefined)?.code === code,
    toString: () => code,
  };
}

export const KEY = Secret.copy(
  Buffer.from('tscrypt-test-key-never-to-be-seen-0123456789abcdefABCDEF-=+/~!@#'),
);
