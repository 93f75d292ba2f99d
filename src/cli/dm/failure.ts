import { TscryptError } from '../../errors.ts';
import { report } from '../failure.ts';
import type { Ui } from '../ui.ts';
import type { DeviceAddress } from './address.ts';
import { strerror } from './errno.ts';

/** The request that failed, by the name libdevmapper gives it in messages. */
export type IoctlVerb =
  | 'create'
  | 'reload'
  | 'remove'
  | 'suspend'
  | 'resume'
  | 'clear'
  | 'rename'
  | 'table'
  | 'status'
  | 'info'
  | 'deps'
  | 'message'
  | 'setgeometry'
  | 'waitevent'
  | 'target-version';

/** What dmsetup itself refuses, before any device is asked. */
class Refusal extends TscryptError {}

/** @param lines dmsetup's words, a line each */
export function refusal(...lines: readonly [string, ...string[]]): TscryptError {
  return new Refusal('INVALID_ARGUMENT', lines.join('\n'));
}

/** The error is in dmsetup's words already. */
export function isInWords(error: unknown): boolean {
  return error instanceof Refusal || error instanceof IoctlFailure;
}

/**
 * A device refused a request. dmsetup says which request, which device and the error number, and leaves the
 * reason to the kernel's log; here the reason comes before, in the form in which the log has it.
 */
export class IoctlFailure extends TscryptError {
  /** What to say, a line each. */
  readonly lines: readonly string[];

  /** @param numbers `major:minor` of the device, for the reason */
  constructor(verb: IoctlVerb, address: DeviceAddress, cause: TscryptError, numbers = '') {
    const errno = errnoOf(verb, cause);
    const failed = `device-mapper: ${verb} ioctl on ${addressText(address)} failed: ${strerror(errno)}`;
    const reason = reasonOf(verb, cause, errno, numbers);
    super(cause.code, reason === undefined ? failed : cause.message, {
      errno,
      details: cause.details,
      cause,
      ...(cause.hint !== undefined && { hint: cause.hint }),
    });
    this.lines = reason === undefined ? [failed] : [reason, failed];
  }
}

/** Says what went wrong, as dmsetup would or as JSON. */
export function reportFailure(error: unknown, ui: Ui): void {
  if (ui.json || !(error instanceof TscryptError)) {
    report(error, ui);
    return;
  }
  for (const line of error instanceof IoctlFailure ? error.lines : [error.message]) ui.warn(line);
  if (error.hint !== undefined) ui.warn(error.hint);
  ui.debug(error.stack ?? '');
}

/** The error is about the device that was named, not about one that a table names. */
export function isNotActive(error: unknown): boolean {
  return error instanceof TscryptError && error.code === 'NO_SUCH_DEVICE' && error.details.line === undefined;
}

/** The kernel's errno, where ours says it otherwise. */
function errnoOf(verb: IoctlVerb, cause: TscryptError): string {
  if (isNotActive(cause)) return 'ENXIO';
  if (cause.code === 'DEVICE_EXISTS' && (verb === 'create' || verb === 'rename')) return 'EBUSY';
  return cause.errno;
}

function addressText({ name = '', uuid = '', numbers }: DeviceAddress): string {
  return `${name} ${uuid}${numbers === undefined ? '' : `(${numbers.major}:${numbers.minor})`}`;
}

/** What the kernel logs; nothing where it logs nothing, because the error number says it all. */
function reasonOf(verb: IoctlVerb, cause: TscryptError, errno: string, numbers: string): string | undefined {
  const { code, message, details } = cause;
  if (message === '') return undefined;
  if (isNotActive(cause) || code === 'DEVICE_EXISTS' || (code === 'DEVICE_BUSY' && verb === 'remove'))
    return undefined;
  if (message === 'no targets specified') return `device-mapper: ioctl: populate_table: ${message}`;
  if (verb !== 'reload') return `device-mapper: ioctl: ${message}`;
  const ofTarget = typeof details.target === 'string' && message.startsWith(`${details.target}: `);
  const number = ofTarget && !message.endsWith(': unknown target type') ? ` (-${errno})` : '';
  return `device-mapper: table: ${numbers}: ${message}${number}`;
}

/** The device that was named is not there. */
export function noSuchDevice(): TscryptError {
  return new TscryptError('NO_SUCH_DEVICE', 'The device is not active.', { errno: 'ENXIO' });
}
