import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { openFile } from '../../../src/block/index.ts';
import { codeOf, pattern } from '../../suites/block-device.ts';

let directory: string;
let path: string;
let datasync: MockInstance<FileHandle['datasync']>;

// A file system in memory has nothing to flush; many machines have one in /tmp, so not there.
beforeEach(async () => {
  directory = await mkdtemp('/var/tmp/tscrypt-flush-');
  path = join(directory, 'image');
  await writeFile(path, pattern(8192, 1));
  const handle = await open(path);
  datasync = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'datasync');
  await handle.close();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

const eio = () => Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });

/** Settles when the test says so. */
function held() {
  let settle: (error?: Error) => void = () => {};
  const promise = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  return { promise, settle };
}

const block = pattern(512, 2);

describe('flushing a file', () => {
  it('never succeeds again once it has failed: the kernel has dropped what could not be written', async () => {
    const device = await openFile(path);
    await device.write(0, block);
    datasync.mockRejectedValueOnce(eio());
    expect(await codeOf(() => device.flush())).toBe('IO_ERROR');
    expect(await codeOf(() => device.flush())).toBe('IO_ERROR');
    expect(await codeOf(() => device.write(0, block, { fua: true }))).toBe('IO_ERROR');
    await device.write(512, block);
    await device.close();
    // Opened anew, it starts with what is there.
    const again = await openFile(path);
    await again.flush();
    await again.close();
  });

  it('fails for everyone whom the failure concerns, not only for who happens to be told', async () => {
    const first = held();
    datasync.mockReturnValueOnce(first.promise);
    const device = await openFile(path);
    await device.write(0, block);
    const codes = [
      codeOf(() => device.flush()),
      codeOf(() => device.flush()),
      codeOf(() => device.write(512, block, { fua: true })),
    ];
    await vi.waitFor(() => expect(datasync).toHaveBeenCalled());
    first.settle(eio());
    expect(await Promise.all(codes)).toEqual(['IO_ERROR', 'IO_ERROR', 'IO_ERROR']);
    await device.close();
  });

  it('begins anew for what was written after the one under way began', async () => {
    const first = held();
    datasync.mockReturnValueOnce(first.promise);
    const device = await openFile(path);
    await device.write(0, block);
    const early = device.flush();
    await vi.waitFor(() => expect(datasync).toHaveBeenCalledTimes(1));
    await device.write(512, block);
    const late = [device.flush(), device.flush()];
    expect(datasync).toHaveBeenCalledTimes(1);
    first.settle();
    await early;
    await Promise.all(late);
    // One for both.
    expect(datasync).toHaveBeenCalledTimes(2);
    await device.close();
  });
});
