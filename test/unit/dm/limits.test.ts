import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/block/index.ts';
import { raiseBlockSize, stackLimits } from '../../../src/dm/limits.ts';

const limits = (given: Partial<typeof DEFAULT_LIMITS>) => ({ ...DEFAULT_LIMITS, ...given });

describe('stacked limits', () => {
  it('are the largest block sizes and the smallest request', () => {
    expect(
      stackLimits([
        limits({ logicalBlockSize: 512, physicalBlockSize: 4096, ioMin: 4096, maxIoSize: 65536 }),
        limits({ logicalBlockSize: 1024, physicalBlockSize: 1024, ioMin: 8192, discardGranularity: 4096 }),
      ]),
    ).toEqual(
      limits({
        logicalBlockSize: 1024,
        physicalBlockSize: 4096,
        ioMin: 8192,
        maxIoSize: 65536,
        discardGranularity: 4096,
      }),
    );
  });

  it('prefer requests that suit all parts', () => {
    const ioOpt = (...sizes: number[]) => stackLimits(sizes.map((size) => limits({ ioOpt: size }))).ioOpt;
    expect(ioOpt(0, 0)).toBe(0);
    expect(ioOpt(0, 4096)).toBe(4096);
    expect(ioOpt(8192, 12288)).toBe(24576);
    expect(ioOpt(4096 * 10007, 4096 * 10009)).toBe(0);
  });

  it('are the defaults when there is nothing below', () => {
    expect(stackLimits([])).toEqual(DEFAULT_LIMITS);
  });

  it('are raised, never lowered, by a target', () => {
    expect(raiseBlockSize(limits({ physicalBlockSize: 8192 }), 4096)).toEqual(
      limits({ logicalBlockSize: 4096, physicalBlockSize: 8192, ioMin: 4096 }),
    );
    expect(raiseBlockSize(limits({ logicalBlockSize: 4096 }), 512).logicalBlockSize).toBe(4096);
  });
});
