/**
 * The one error type of the project, and the table of its codes.
 *
 * A code is stable: callers and tests match on it, never on the message. Each code is declared once,
 * with the errno it stands for towards block devices and the exit code it stands for towards a shell
 * (cryptsetup's: 1 wrong parameters, 2 no permission or bad passphrase, 3 out of memory,
 * 4 wrong device, 5 exists or busy).
 */
const CODES = {
  /** The caller's argument makes no sense or is out of range. */
  INVALID_ARGUMENT: { errno: 'EINVAL', exit: 1 },
  /** A cipher, hash, KDF, IV mode, target or feature that this build does not have. */
  NOT_SUPPORTED: { errno: 'ENOTSUP', exit: 1 },
  /** A structure on disk or on the wire breaks its format's rules. */
  INVALID_FORMAT: { errno: 'EINVAL', exit: 1 },
  /** No such format on this device (for example: not LUKS). */
  NOT_RECOGNISED: { errno: 'EINVAL', exit: 1 },
  /** The metadata asks for a feature that must not be ignored. */
  REQUIREMENT_UNMET: { errno: 'ENOTSUP', exit: 1 },
  /** A keyslot, token or other numbered object is not there. */
  NO_SUCH_OBJECT: { errno: 'ENOENT', exit: 1 },
  /** No keyslot opens with what was given. */
  WRONG_PASSPHRASE: { errno: 'EPERM', exit: 2 },
  /** The operating system refused, or the user did not confirm. */
  PERMISSION_DENIED: { errno: 'EACCES', exit: 2 },
  ABORTED: { errno: 'EPERM', exit: 2 },
  OUT_OF_MEMORY: { errno: 'ENOMEM', exit: 3 },
  /** The file or device does not exist, is of the wrong kind, or is too small; the name is not active. */
  NO_SUCH_DEVICE: { errno: 'ENODEV', exit: 4 },
  DEVICE_TOO_SMALL: { errno: 'ENODEV', exit: 4 },
  DEVICE_EXISTS: { errno: 'EEXIST', exit: 5 },
  DEVICE_BUSY: { errno: 'EBUSY', exit: 5 },
  /** Reading or writing failed below; `errno` in the details says how. */
  IO_ERROR: { errno: 'EIO', exit: 1 },
  NO_SPACE: { errno: 'ENOSPC', exit: 1 },
  READ_ONLY: { errno: 'EROFS', exit: 1 },
  /** An authentication tag or checksum of data did not match. */
  INTEGRITY_ERROR: { errno: 'EILSEQ', exit: 1 },
  /** The other side of a connection spoke nonsense, or went away. */
  PROTOCOL_ERROR: { errno: 'EPROTO', exit: 1 },
  CONNECTION_LOST: { errno: 'ENOTCONN', exit: 1 },
  /** A defect of this program. */
  INTERNAL: { errno: 'EIO', exit: 1 },
} as const satisfies Record<string, { errno: string; exit: 1 | 2 | 3 | 4 | 5 }>;

export type ErrorCode = keyof typeof CODES;

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(CODES, text);
}

export interface ErrorOptions {
  /** What the error is about: device, slot, structure, field, offset, expected, found … never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** What the user can do about it, one sentence. */
  readonly hint?: string;
  /** The errno name, where it says more than the code's own. */
  readonly errno?: string;
  readonly cause?: unknown;
}

/** Every failure this library reports. Match on {@link TscryptError.code}. */
export class TscryptError extends Error {
  override readonly name = 'TscryptError';
  readonly code: ErrorCode;
  /** errno name as in errno(3), for example `EIO`. */
  readonly errno: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errno = options.errno ?? CODES[code].errno;
    this.details = options.details ?? {};
    this.hint = options.hint;
  }

  /** cryptsetup's exit code for this failure. */
  get exitCode(): 1 | 2 | 3 | 4 | 5 {
    return CODES[this.code].exit;
  }
}

const FROM_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'NO_SUCH_DEVICE',
  ENODEV: 'NO_SUCH_DEVICE',
  ENXIO: 'NO_SUCH_DEVICE',
  ENOTDIR: 'NO_SUCH_DEVICE',
  ENOTBLK: 'NO_SUCH_DEVICE',
  EISDIR: 'NO_SUCH_DEVICE',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'READ_ONLY',
  EEXIST: 'DEVICE_EXISTS',
  EBUSY: 'DEVICE_BUSY',
  EADDRINUSE: 'DEVICE_BUSY',
  ETXTBSY: 'DEVICE_BUSY',
  ENOMEM: 'OUT_OF_MEMORY',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EFBIG: 'NO_SPACE',
  EINVAL: 'INVALID_ARGUMENT',
  ENOTSUP: 'NOT_SUPPORTED',
  EOPNOTSUPP: 'NOT_SUPPORTED',
  EILSEQ: 'INTEGRITY_ERROR',
  ENOTCONN: 'CONNECTION_LOST',
  ECONNRESET: 'CONNECTION_LOST',
  ECONNREFUSED: 'CONNECTION_LOST',
  EPIPE: 'CONNECTION_LOST',
};

/**
 * A failed system call as a {@link TscryptError}; errors that already are one pass through unchanged.
 *
 * @param error what `fs`, `net` or the FFI threw (Node's errors carry `code: 'ENOENT'` and so on)
 * @param message what was being done, for people
 */
export function fromSystemError(
  error: unknown,
  message: string,
  details: Record<string, unknown> = {},
): TscryptError {
  if (error instanceof TscryptError) return error;
  const errno = (error as NodeJS.ErrnoException | undefined)?.code ?? 'EIO';
  const known = /^E[A-Z0-9]+$/.test(errno) ? errno : 'EIO';
  return new TscryptError(FROM_ERRNO[known] ?? 'IO_ERROR', `${message}: ${describe(error)}`, {
    errno: known,
    details,
    cause: error,
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
