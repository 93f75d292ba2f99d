import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { adoptFile } from '../../../src/block/adopted-file.ts';
import { RingTransfers } from '../../../src/block/file-ring.ts';
import { PoolTransfers } from '../../../src/block/file-transfers.ts';
import { openFile } from '../../../src/block/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import { IORING_OP_WRITE, RWF_DSYNC, threadRing, Uring } from '../../../src/sys/index.ts';
import { codeOf, expectBytes, pattern, read } from '../../suites/block-device.ts';

let directory: string;
let path: string;
let sync: MockInstance<() => Promise<void>>;

// A file system in memory has nothing to flush; many machines have one in /tmp, so not there.
beforeEach(async () => {
  directory = await mkdtemp('/var/tmp/tscrypt-flush-');
  path = join(directory, 'image');
  await writeFile(path, pattern(8192, 1));
  sync = vi.spyOn((threadRing() ? RingTransfers : PoolTransfers).prototype, 'sync');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

const eio = () => new TscryptError('IO_ERROR', 'lost');

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
    sync.mockRejectedValueOnce(eio());
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
    sync.mockReturnValueOnce(first.promise);
    const device = await openFile(path);
    await device.write(0, block);
    const codes = [
      codeOf(() => device.flush()),
      codeOf(() => device.flush()),
      codeOf(() => device.write(512, block, { fua: true })),
    ];
    await vi.waitFor(() => expect(sync).toHaveBeenCalled());
    first.settle(eio());
    expect(await Promise.all(codes)).toEqual(['IO_ERROR', 'IO_ERROR', 'IO_ERROR']);
    await device.close();
  });

  it('begins anew for what was written after the one under way began', async () => {
    const first = held();
    sync.mockReturnValueOnce(first.promise);
    const device = await openFile(path);
    await device.write(0, block);
    const early = device.flush();
    await vi.waitFor(() => expect(sync).toHaveBeenCalledTimes(1));
    await device.write(512, block);
    const late = [device.flush(), device.flush()];
    expect(sync).toHaveBeenCalledTimes(1);
    first.settle();
    await early;
    await Promise.all(late);
    // One for both.
    expect(sync).toHaveBeenCalledTimes(2);
    await device.close();
  });
});

describe.skipIf(!threadRing())('a write that is stable by itself', () => {
  const EIO = 5;
  let stable: number[];
  /** What the kernel says to the next ones, in place of doing them. */
  let answers: number[];

  beforeEach(() => {
    stable = [];
    answers = [];
    const { submit } = Uring.prototype;
    vi.spyOn(Uring.prototype, 'submit').mockImplementation(function (this: Uring, ...args) {
      const [completion, opcode, , , length, , flags] = args;
      if (opcode !== IORING_OP_WRITE || flags !== RWF_DSYNC) return submit.apply(this, args);
      stable.push(length);
      const answer = answers.shift();
      if (answer === undefined) return submit.apply(this, args);
      setImmediate(() => completion.completed(answer));
    });
  });

  it('needs no flush, and none is made', async () => {
    for (const direct of [false, true]) {
      const device = await openFile(path, { direct });
      const data = pattern(4096, 3);
      await device.write(4096, data, { fua: true });
      expectBytes(await read(device, 4096, 4096), data);
      await device.close();
    }
    expect(stable).toEqual([4096, 4096]);
    expect(sync).not.toHaveBeenCalled();
  });

  it('is a flush that failed when it fails, since it may have been told of what others lost', async () => {
    for (const direct of [false, true]) {
      const device = await openFile(path, { direct });
      await device.write(0, pattern(4096, 2));
      answers = [-EIO];
      expect(await codeOf(() => device.write(4096, pattern(4096, 2), { fua: true }))).toBe('IO_ERROR');
      expect(await codeOf(() => device.flush())).toBe('IO_ERROR');
      expect(await codeOf(() => device.write(0, pattern(4096, 2), { fua: true }))).toBe('IO_ERROR');
      await device.write(0, pattern(4096, 2));
      await device.close();
    }
    expect(sync).not.toHaveBeenCalled();
  });

  it('goes on where the kernel stopped', async () => {
    const device = await openFile(path);
    answers = [1024];
    await device.write(0, pattern(4096, 9), { fua: true });
    expect(stable).toEqual([4096, 3072]);
    expectBytes(await read(device, 1024, 3072), pattern(4096, 9).slice(1024));
    await device.close();
  });

  it('that found no room is only that, if a plain write finds none either', async () => {
    const device = await openFile(path);
    const write = vi.spyOn(RingTransfers.prototype, 'write');
    const full = new TscryptError('NO_SPACE', 'full');
    write.mockRejectedValueOnce(full).mockRejectedValueOnce(full);
    expect(await codeOf(() => device.write(0, block, { fua: true }))).toBe('NO_SPACE');
    await device.flush();
    // Here it was not the write itself, so something that was written before has been lost.
    write.mockRejectedValueOnce(full);
    expect(await codeOf(() => device.write(0, block, { fua: true }))).toBe('NO_SPACE');
    expect(await codeOf(() => device.flush())).toBe('NO_SPACE');
    await device.close();
  });

  it("of another thread is its own past the page cache, and the owner's flush through it", async () => {
    for (const direct of [false, true]) {
      const owner = await openFile(path, { direct });
      const share = owner.share?.();
      if (!share) throw new Error('no share');
      let flushes = 0;
      const other = adoptFile(share, async () => {
        flushes += 1;
        await owner.flush();
      });
      await other.write(0, pattern(4096, 2), { fua: true });
      expect(flushes).toBe(direct ? 0 : 1);
      await other.close();
      await owner.close();
    }
    expect(stable).toEqual([4096]);
  });

  it('leaves the work to a flush that others wait for', async () => {
    const first = held();
    sync.mockReturnValueOnce(first.promise);
    const device = await openFile(path);
    await device.write(0, block);
    const early = device.flush();
    const writes = [device.write(512, block, { fua: true }), device.write(1024, block, { fua: true })];
    await vi.waitFor(() => expect(sync).toHaveBeenCalledTimes(1));
    first.settle();
    await early;
    await Promise.all(writes);
    expect(stable).toEqual([]);
    expect(sync).toHaveBeenCalledTimes(2);
    await device.close();
  });
});
