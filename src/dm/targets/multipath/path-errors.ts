import { TscryptError } from '../../../errors.ts';

/**
 * What no other path would do better (`blk_path_error` of the kernel: not supported, no space, target,
 * medium and protection errors, reservations), and refusals of the request itself.
 */
const NOT_THE_PATH: ReadonlySet<string> = new Set([
  'EOPNOTSUPP',
  'ENOTSUP',
  'ENOSPC',
  'EREMOTEIO',
  'EBADE',
  'ENODATA',
  'EILSEQ',
  'EINVAL',
  'EROFS',
  'EPERM',
]);

/** The connection or the device itself is gone, or closed because somebody else opened it anew. */
const GONE: ReadonlySet<string> = new Set([
  'ENOTCONN',
  'ECONNRESET',
  'EPIPE',
  'ENODEV',
  'ENXIO',
  'ESHUTDOWN',
  'EBADF',
]);

/** Whether another path may serve a request that failed so. */
export function isPathError(error: unknown): error is TscryptError {
  return error instanceof TscryptError && !NOT_THE_PATH.has(error.errno);
}

/** Whether a device that failed so has to be opened anew before it can serve anything again. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof TscryptError)) return false;
  return error.code === 'CONNECTION_LOST' || error.code === 'PROTOCOL_ERROR' || GONE.has(error.errno);
}
