import type { Limits } from '../../../block/device.ts';
import { TscryptError } from '../../../errors.ts';
import type { TableArg } from '../../../table/spec.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { limitsBelow } from '../../limits.ts';
import type { DeviceArea, Target, TargetFeatures } from '../../target.ts';
import type { ErrorArguments } from './args.ts';

/** Fails every request, except flushes, which it never meets in the kernel either. */
export class ErrorTarget implements Target {
  /** Discards are let through in order to fail. */
  readonly features: TargetFeatures = { discard: true, fastZeroes: true, multiConnection: true };
  readonly maxIoLength = 0;
  readonly areas: readonly DeviceArea[];

  /** @param length sectors */
  constructor({ device, offset }: ErrorArguments, length: number) {
    this.areas = device ? [{ device, start: offset * SECTOR_SIZE, length: length * SECTOR_SIZE }] : [];
  }

  get limits(): Limits {
    const limits = limitsBelow(this.areas);
    return { ...limits, discardGranularity: limits.discardGranularity || limits.logicalBlockSize };
  }

  read(offset: number): never {
    throw failure('read', offset);
  }

  write(offset: number): never {
    throw failure('write', offset);
  }

  flush(): void {}

  discard(offset: number): never {
    throw failure('discard', offset);
  }

  writeZeroes(offset: number): never {
    throw failure('write zeroes', offset);
  }

  statusInfo(): string {
    return '';
  }

  /** The kernel prints no arguments, even where a device was given. */
  statusTable(): readonly TableArg[] {
    return [];
  }

  async destroy(): Promise<void> {}
}

function failure(request: string, offset: number): TscryptError {
  return new TscryptError('IO_ERROR', `The error target fails this ${request}.`, {
    details: { target: 'error', offset },
  });
}
