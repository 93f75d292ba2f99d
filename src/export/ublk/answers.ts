import { constants } from 'node:os';
import { TscryptError } from '../../errors.ts';

const EIO = 5;
const NUMBERS: Readonly<Record<string, number | undefined>> = constants.errno;

/**
 * What the driver is told of a request that failed: -errno, never 0, which for a write would mean that nothing was
 * written and it be tried again, for ever. The block layer knows EILSEQ (wrong checksum), ENOSPC, ENODATA (medium
 * error) and some more by themselves and takes the others for EIO.
 */
export function failureAnswer(error: unknown): number {
  const number = error instanceof TscryptError ? (NUMBERS[error.errno] ?? EIO) : EIO;
  return number > 0 ? -number : -EIO;
}
