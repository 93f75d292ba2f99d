import * as nbd from '../../block/nbd/protocol.ts';
import { TscryptError } from '../../errors.ts';

const FROM_ERRNO: Readonly<Record<string, number>> = {
  EPERM: nbd.NBD_EPERM,
  EACCES: nbd.NBD_EPERM,
  EROFS: nbd.NBD_EPERM,
  ENOMEM: nbd.NBD_ENOMEM,
  EINVAL: nbd.NBD_EINVAL,
  // Only a fast zero request may be answered ENOTSUP ("Error values"); of any other it is a wrong request.
  ENOTSUP: nbd.NBD_EINVAL,
  EOPNOTSUPP: nbd.NBD_EINVAL,
  ENOSPC: nbd.NBD_ENOSPC,
  EDQUOT: nbd.NBD_ENOSPC,
  EFBIG: nbd.NBD_ENOSPC,
};

/** The NBD error value for a failed request to a device. */
export function nbdError(error: unknown, fastZero = false): number {
  if (!(error instanceof TscryptError)) return nbd.NBD_EIO;
  if (fastZero && error.code === 'NOT_SUPPORTED') return nbd.NBD_ENOTSUP;
  return FROM_ERRNO[error.errno] ?? nbd.NBD_EIO;
}
