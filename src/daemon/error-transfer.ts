import { isErrorCode, TscryptError } from '../errors.ts';

/** An error as it passes from a daemon to its caller. */
export interface TransferredError {
  readonly code: string;
  readonly message: string;
  readonly errno?: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function encodeError(error: unknown): TransferredError {
  if (!(error instanceof TscryptError)) {
    return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
  }
  const { code, message, errno, hint, details } = error;
  return { code, message, errno, ...(hint !== undefined && { hint }), details: plain(details) };
}

/** The error again; anything malformed becomes INTERNAL. */
export function decodeError(value: unknown): TscryptError {
  const { code, message, errno, hint, details } = (value ?? {}) as Record<string, unknown>;
  return new TscryptError(
    isErrorCode(code) ? code : 'INTERNAL',
    typeof message === 'string' ? message : 'The daemon failed for an unknown reason.',
    {
      ...(typeof errno === 'string' && { errno }),
      ...(typeof hint === 'string' && { hint }),
      ...(typeof details === 'object' && details !== null && { details: details as Record<string, unknown> }),
    },
  );
}

/** Details that JSON can express; the rest is dropped. */
function plain(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(details).filter(([, value]) =>
    ['string', 'number', 'boolean'].includes(typeof value),
  );
  return Object.fromEntries(kept);
}
