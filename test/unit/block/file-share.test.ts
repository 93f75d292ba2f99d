import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adoptFile } from '../../../src/block/adopted-file.ts';
import { type BlockDevice, MemoryDevice, openFile } from '../../../src/block/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import { codeOf, pattern } from '../../suites/block-device.ts';

let directory: string;
beforeAll(async () => {
  // A file system in memory has nothing to flush; many machines have one in /tmp, so not there.
  directory = await mkdtemp('/var/tmp/tscrypt-share-');
});
afterAll(() => rm(directory, { recursive: true }));

async function image(name: string, readOnly = false): Promise<BlockDevice> {
  const path = join(directory, name);
  await writeFile(path, pattern(64 * 1024, 1));
  return openFile(path, { readOnly });
}

function shared(device: BlockDevice, flush: () => Promise<void> = async () => device.flush()): BlockDevice {
  const share = device.share?.();
  if (!share) throw new Error('no share');
  // As it arrives in another thread.
  return adoptFile(structuredClone(share), flush);
}

describe('a file that another thread adopts', () => {
  it('is the same device: its facts, its content, both ways', async () => {
    const owner = await image('same');
    const other = shared(owner);
    for (const key of ['name', 'size', 'readOnly', 'limits', 'features'] as const) {
      expect(other[key]).toEqual(owner[key]);
    }
    await owner.write(4096, pattern(512, 7));
    const into = new Uint8Array(512);
    await other.read(4096, into);
    expect(into).toEqual(new Uint8Array(pattern(512, 7)));
    await other.write(8192, pattern(512, 9));
    await owner.read(8192, into);
    expect(into).toEqual(new Uint8Array(pattern(512, 9)));
    await other.close();
    await owner.close();
  });

  it('stays open for its owner when it is closed', async () => {
    const owner = await image('closed');
    const other = shared(owner);
    await other.close();
    await owner.read(0, new Uint8Array(512));
    expect(await codeOf(() => other.read(0, new Uint8Array(512)))).toBe('INVALID_ARGUMENT');
    await owner.close();
  });

  it('leaves flushing to the owner, whose failure it remembers', async () => {
    const owner = await image('flushed');
    let flushes = 0;
    const other = shared(owner, async () => {
      flushes += 1;
      throw new TscryptError('IO_ERROR', 'lost');
    });
    await other.write(0, pattern(512, 2));
    expect(await codeOf(() => other.flush())).toBe('IO_ERROR');
    expect(await codeOf(() => other.flush())).toBe('IO_ERROR');
    expect(flushes).toBe(1);
    await other.close();
    await owner.close();
  });

  it('is as read-only as it was opened', async () => {
    const owner = await image('read-only', true);
    const other = shared(owner);
    expect(await codeOf(() => other.write(0, pattern(512, 2)))).toBe('READ_ONLY');
    await other.close();
    await owner.close();
  });

  it('is not to be had of what is no file', () => {
    expect((new MemoryDevice(4096) as BlockDevice).share?.()).toBeUndefined();
  });
});
