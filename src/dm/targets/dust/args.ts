import { TscryptError } from '../../../errors.ts';
import type { TableArg, TableLine } from '../../../table/spec.ts';
import { isPowerOfTwo, SECTOR_SIZE } from '../../../units.ts';
import type { TargetContext } from '../../target.ts';
import { type DeviceArg, deviceArg, refuse, sectorArg, textArg } from '../arguments.ts';

/** `dust <device_path> <offset> <blksz>` (Documentation/admin-guide/device-mapper/dm-dust.rst). */
export interface DustArguments {
  readonly below: DeviceArg;
  /** First sector used on the device. */
  readonly offset: number;
  /** Bytes of a block that can be bad; power of two. */
  readonly blockSize: number;
}

const LARGEST_BLOCK = 2 ** 30;

export async function parseDustArguments(line: TableLine, context: TargetContext): Promise<DustArguments> {
  const [name, sector, size] = line.args;
  if (line.args.length !== 3) refuse('Invalid argument count');
  const blockSize = parseBlockSize(size, line.length);
  const offset = sectorArg(sector, 'Invalid device offset sector');
  return { below: await lookUp(name, context), offset, blockSize };
}

/** @param length of the target, in sectors */
function parseBlockSize(arg: TableArg | undefined, length: number): number {
  const word = textArg(arg, 'Invalid block size parameter');
  const size = /^\+?\d+$/.test(word) ? Number(word) : 0;
  if (size === 0 || size >= 2 ** 32) refuse('Invalid block size parameter');
  if (size < SECTOR_SIZE) refuse('Block size must be at least 512');
  if (!isPowerOfTwo(size)) refuse('Block size must be a power of 2');
  if (size > LARGEST_BLOCK || size > length * SECTOR_SIZE) refuse('Block size is too large');
  return size;
}

/** Whatever was wrong, the kernel's errno is EINVAL here. */
async function lookUp(name: TableArg | undefined, context: TargetContext): Promise<DeviceArg> {
  try {
    return await deviceArg(name, context);
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    throw new TscryptError(error.code, error.message, {
      details: error.details,
      errno: 'EINVAL',
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

export function formatDustArguments({ below, offset, blockSize }: DustArguments): readonly TableArg[] {
  return [below.label, String(offset), String(blockSize)];
}
