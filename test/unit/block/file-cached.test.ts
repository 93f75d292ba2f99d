import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { arena } from '../../../src/arena.ts';
import { RingTransfers } from '../../../src/block/file-ring.ts';
import { PoolTransfers } from '../../../src/block/file-transfers.ts';
import { openFile } from '../../../src/block/index.ts';
import { IORING_OP_READ, type Libc, libc, threadRing, Uring } from '../../../src/sys/index.ts';
import { codeOf, expectBytes, pattern, read } from '../../suites/block-device.ts';

const SIZE = 1 << 20;
const { EAGAIN, EINTR, EIO, EOPNOTSUPP } = constants.errno;
const content = pattern(SIZE, 1);

let directory: string;
let path: string;

beforeEach(async () => {
  // A file system in memory never says that something has to wait.
  directory = await mkdtemp('/var/tmp/tscrypt-cached-');
  path = join(directory, 'image');
  await writeFile(path, content);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

/** What the kernel says to the next call, instead of doing it: a result, or -errno. */
function answer(call: 'preadv2' | 'pwritev2', result: number) {
  const c = libc() as Libc;
  const spy = vi.spyOn(c, call).mockReturnValueOnce(result < 0 ? -1 : result);
  if (result < 0) vi.spyOn(c, 'errno').mockReturnValueOnce(-result);
  return spy;
}

describe.skipIf(!threadRing())('a file in the page cache', () => {
  it('is read inline, whatever memory it is read into', async () => {
    const device = await openFile(path);
    const deferred = vi.spyOn(RingTransfers.prototype, 'read');
    for (const into of [
      new Uint8Array(4096),
      Buffer.alloc(4096),
      Buffer.from(new SharedArrayBuffer(8192), 512, 4096),
      arena()?.take(4096) as Uint8Array,
      new Uint8Array(8192).subarray(1, 4097),
    ]) {
      expect(device.read(8192, into)).toBeUndefined();
      expectBytes(into, content.slice(8192, 8192 + 4096));
    }
    expect(deferred).not.toHaveBeenCalled();
    await device.close();
  });

  it('is read later where the kernel would have to wait', async () => {
    const device = await openFile(path);
    const into = new Uint8Array(4096);
    for (const errno of [EAGAIN, EINTR]) {
      answer('preadv2', -errno);
      const done = device.read(512, into.fill(0));
      expect(done).toBeInstanceOf(Promise);
      await done;
      expectBytes(into, content.slice(512, 512 + 4096));
    }
    expect(device.read(512, into)).toBeUndefined();
    await device.close();
  });

  it('is read later from where the kernel stopped', async () => {
    const device = await openFile(path);
    const submit = vi.spyOn(Uring.prototype, 'submit');
    answer('preadv2', 1536);
    const into = new Uint8Array(4096);
    await device.read(512, into);
    expect(submit.mock.calls.map(([, opcode, , , length, offset]) => [opcode, length, offset])).toEqual([
      [IORING_OP_READ, 4096 - 1536, 512 + 1536],
    ]);
    // The first part is what was in the buffer: the kernel's answer was made up.
    expectBytes(into.slice(1536), content.slice(512 + 1536, 512 + 4096));
    await device.close();
  });

  it('is asked only once on a file system that cannot say', async () => {
    const device = await openFile(path);
    const reads = answer('preadv2', -EOPNOTSUPP);
    for (let i = 0; i < 3; i++) expectBytes(await read(device, 0, 4096), content.slice(0, 4096));
    expect(reads).toHaveBeenCalledTimes(1);
    await device.close();
  });

  it('fails where reading fails', async () => {
    const device = await openFile(path);
    answer('preadv2', -EIO);
    expect(await codeOf(() => device.read(0, new Uint8Array(512)))).toBe('IO_ERROR');
    await truncate(path, 4096);
    expect(await codeOf(() => device.read(8192, new Uint8Array(512)))).toBe('IO_ERROR');
    expect(await codeOf(() => device.read(2048, new Uint8Array(4096)))).toBe('IO_ERROR');
    await device.close();
  });

  it('is written inline where the file system takes it, later where it does not, both completely', async () => {
    const device = await openFile(path);
    const expected = content.slice();
    const calls = vi.spyOn(libc() as Libc, 'pwritev2');
    for (const [at, result] of [
      [0, undefined],
      [8192, -EAGAIN],
      [16384, -EINTR],
      [24576, -EOPNOTSUPP],
      [32768, undefined],
    ] as const) {
      if (result !== undefined) answer('pwritev2', result);
      await device.write(at, pattern(4096, at + 5));
      expected.set(pattern(4096, at + 5), at);
    }
    expect(calls.mock.calls.length).toBeLessThanOrEqual(4);
    expectBytes(await read(device, 0, SIZE), expected);
    await device.close();
  });

  it('copies long requests elsewhere', async () => {
    await truncate(path, 4 * SIZE);
    const device = await openFile(path);
    const pool = [vi.spyOn(PoolTransfers.prototype, 'write'), vi.spyOn(PoolTransfers.prototype, 'read')];
    const data = pattern(2 * SIZE, 8);
    const written = device.write(SIZE, data);
    expect(written).toBeInstanceOf(Promise);
    await written;
    expectBytes(await read(device, SIZE, 2 * SIZE), data);
    for (const spy of pool) expect(spy).toHaveBeenCalledTimes(1);
    await device.close();
  });

  it('uses each request of the ring again, and keeps them apart', async () => {
    const device = await openFile(path);
    vi.spyOn(libc() as Libc, 'preadv2').mockReturnValue(-1);
    vi.spyOn(libc() as Libc, 'errno').mockReturnValue(EAGAIN);
    for (let round = 0; round < 4; round++) {
      const blocks = Array.from({ length: 300 }, (_, i) => ((i * 7 + round) % 256) * 4096);
      const found = await Promise.all(blocks.map((at) => read(device, at, 4096)));
      for (const [i, at] of blocks.entries()) expectBytes(found[i]!, content.slice(at, at + 4096));
    }
    await device.close();
  });

  it('goes to the thread pool with what the ring will not take', async () => {
    const device = await openFile(path);
    const { submit } = Uring.prototype;
    const refusals = [EAGAIN, 'full'];
    vi.spyOn(Uring.prototype, 'submit').mockImplementation(function (this: Uring, ...args) {
      const refusal = refusals.shift();
      if (refusal === EAGAIN) setImmediate(() => args[0].completed(-EAGAIN));
      else if (refusal) throw Object.assign(new Error('full'), { errno: -constants.errno.EBUSY });
      else submit.apply(this, args);
    });
    for (let i = 0; i < 2; i++) {
      answer('preadv2', -EAGAIN);
      expectBytes(await read(device, 4096, 8192), content.slice(4096, 12288));
    }
    expect(refusals).toEqual([]);
    await device.close();
  });
});

describe.skipIf(!threadRing())('a file with direct I/O', () => {
  it('is read and written straight to aligned memory, and with a detour to other memory', async () => {
    const device = await openFile(path, { direct: true });
    const unit = device.limits.logicalBlockSize;
    const aligned = arena()?.take(64 * 1024) as Buffer<ArrayBuffer>;
    const submit = vi.spyOn(Uring.prototype, 'submit');
    await device.read(0, aligned);
    expect(submit).toHaveBeenCalledTimes(1);
    expectBytes(aligned, content.slice(0, aligned.length));
    aligned.set(pattern(aligned.length, 4));
    await device.write(2 * unit, aligned);
    const odd = new Uint8Array(aligned.length + 1).subarray(1);
    await device.read(2 * unit, odd);
    expectBytes(odd, pattern(aligned.length, 4));
    arena()?.give(aligned);
    await device.close();
  });
});
