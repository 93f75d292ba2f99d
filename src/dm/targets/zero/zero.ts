import { DEFAULT_LIMITS, type Extent, type Limits } from '../../../block/device.ts';
import type { TableArg } from '../../../table/spec.ts';
import type { DeviceArea, Target, TargetFeatures } from '../../target.ts';

/** Reads as zeroes, forgets what is written. */
export class ZeroTarget implements Target {
  readonly limits: Limits = { ...DEFAULT_LIMITS, discardGranularity: DEFAULT_LIMITS.logicalBlockSize };
  readonly features: TargetFeatures = { discard: true, fastZeroes: true, multiConnection: true };
  readonly maxIoLength = 0;
  readonly areas: readonly DeviceArea[] = [];
  readonly standsAlone = true;
  /** Nothing is below, so a flush has nothing to do, here or past the map. */
  readonly flushBypassesMap = true;

  read(_offset: number, into: Uint8Array): void {
    into.fill(0);
  }

  write(): void {}

  flush(): void {}

  discard(): void {}

  writeZeroes(): void {}

  extents(_offset: number, length: number): Extent[] {
    return [{ length, hole: true, zero: true }];
  }

  statusInfo(): string {
    return '';
  }

  statusTable(): readonly TableArg[] {
    return [];
  }

  async destroy(): Promise<void> {}
}
