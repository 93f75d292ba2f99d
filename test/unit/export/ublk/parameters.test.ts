import { describe, expect, it } from 'vitest';
import { type BlockDevice, MemoryDevice } from '../../../../src/block/index.ts';
import * as abi from '../../../../src/export/ublk/abi.ts';
import { maxIoOf, parametersOf } from '../../../../src/export/ublk/parameters.ts';

const KIB = 1024;

function device(
  limits: Partial<BlockDevice['limits']>,
  features: Partial<BlockDevice['features']> = {},
): BlockDevice {
  const memory = new MemoryDevice(1024 * KIB);
  return Object.assign(Object.create(memory), {
    name: 'test',
    size: memory.size,
    limits: { ...memory.limits, ...limits },
    features: { ...memory.features, ...features },
  });
}

describe('the parameters of a ublk device', () => {
  it('are commands and structures of the sizes that the kernel has', () => {
    expect(abi.ADD_DEV).toBe(0xc0207504);
    expect(abi.GET_PARAMS).toBe(0x80207509);
    expect(abi.COMMIT_AND_FETCH_REQ).toBe(0xc0107521);
    expect(abi.legacyNumber(abi.COMMIT_AND_FETCH_REQ)).toBe(0x21);
    expect(abi.PARAMETERS_TO_SET).toBe(60);
    expect(abi.Parameters.offsetOf.size).toBe(24);
    expect(abi.DeviceInfo.offsetOf).toMatchObject({
      maxIo: 8,
      id: 12,
      pid: 16,
      flags: 24,
      mark: 32,
      ownerUid: 40,
    });
  });

  it('say block sizes as powers of two, and nothing where they are none', () => {
    const of = (limits: Partial<BlockDevice['limits']>) => parametersOf(device(limits), false, 64 * KIB);
    expect(of({ logicalBlockSize: 4096, physicalBlockSize: 512 })).toMatchObject({
      logicalBlockShift: 12,
      physicalBlockShift: 12,
    });
    expect(of({ physicalBlockSize: 16384, ioMin: 512 })).toMatchObject({
      physicalBlockShift: 14,
      ioMinShift: 14,
    });
    expect(of({ ioOpt: 96 * KIB })).toMatchObject({ ioOptShift: 0 });
    expect(of({ ioOpt: 128 * KIB })).toMatchObject({ ioOptShift: 17 });
    expect(of({})).toMatchObject({ size: 2048, maxIo: 128 });
  });

  it('announce discard only where there is one, and zeroes in pieces where they have to be written', () => {
    const of = (features: Partial<BlockDevice['features']>, readOnly = false) =>
      parametersOf(device({ discardGranularity: 8192 }, features), readOnly, 64 * KIB);
    expect(of({})).toMatchObject({
      discardGranularity: 8192,
      maxDiscard: 0x7ffff8,
      maxWriteZeroes: 0x7ffff8,
    });
    expect(of({ discard: false, fastZeroes: false })).toMatchObject({ maxDiscard: 0, maxWriteZeroes: 32768 });
    expect(of({}, true)).toMatchObject({ types: abi.BASIC, attributes: abi.ATTRIBUTE_READ_ONLY });
  });

  it('keep to what the device and the driver take in one piece', () => {
    expect(maxIoOf(device({}))).toBe(256 * KIB);
    expect(maxIoOf(device({ maxIoSize: 70_000 }))).toBe(68 * KIB);
    expect(() => maxIoOf(device({ maxIoSize: 2048 }))).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED' }),
    );
    const large = device({ logicalBlockSize: 8192 });
    expect(() => parametersOf(large, false, 65536)).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED' }),
    );
  });
});
