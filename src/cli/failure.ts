import { accessSync, constants } from 'node:fs';
import { TscryptError } from '../errors.ts';
import { ACTIONS } from './flags/actions.ts';
import { isUsageError } from './flags/values.ts';
import type { Ui } from './ui.ts';

/** What `--verbose` says at the end, by exit code; cryptsetup's words. */
const MEANINGS: Readonly<Record<number, string>> = {
  1: 'wrong or missing parameters',
  2: 'no permission or bad passphrase',
  3: 'out of memory',
  4: 'wrong device or file specified',
  5: 'device already exists or device is busy',
};

export function outcomeText(exitCode: number): string {
  if (exitCode === 0) return 'Command successful.';
  return `Command failed with code -${exitCode} (${MEANINGS[exitCode] ?? 'unknown error'}).`;
}

interface Failure {
  readonly message: string;
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
}

/**
 * Says what went wrong, once; the exit code of the program.
 *
 * @param action the action as the user wrote it, where one was found
 * @param device the device the action is about, for errors that do not name it
 */
export function report(
  error: unknown,
  ui: Ui,
  subject: { readonly action?: string | undefined; readonly device?: string | undefined } = {},
): number {
  const failure = describe(error, subject.device);
  if (ui.json) {
    const { code, message, hint } = failure;
    ui.warn(JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }) } }));
  } else if (isUsageError(error)) {
    // A message about an option begins with the option, as popt's do.
    const program = failure.message.startsWith('-') ? '' : 'tscrypt: ';
    ui.warn(`${usageLine(subject.action)}\n${program}${failure.message}`);
  } else {
    ui.warn(failure.message);
    if (failure.hint !== undefined) ui.warn(failure.hint);
  }
  if (error instanceof Error && error.stack !== undefined) ui.debug(error.stack);
  if (!isUsageError(error)) ui.verbose(outcomeText(failure.exitCode));
  return failure.exitCode;
}

function usageLine(word: string | undefined): string {
  const operands = Object.entries(ACTIONS).find(([name]) => name === word)?.[1].operands;
  return word === undefined || operands === undefined
    ? 'Usage: tscrypt [OPTION...] <action> <action-specific>'
    : `Usage: tscrypt [OPTION...] ${word} ${operands}`;
}

/** An error in the words cryptsetup has for it, where scripts know them. */
function describe(error: unknown, device: string | undefined): Failure {
  if (!(error instanceof TscryptError)) {
    return {
      code: 'INTERNAL',
      message: `Internal error: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'This is a defect of tscrypt; --debug shows where.',
      exitCode: 1,
    };
  }
  const plain = { code: error.code, hint: error.hint };
  const about = typeof error.details.device === 'string' ? error.details.device : device;
  switch (error.code) {
    case 'NOT_RECOGNISED':
      return { ...plain, message: `Device ${about} is not a valid LUKS device.`, exitCode: 1 };
    case 'INVALID_FORMAT':
      // Of the device's header; a file that is named speaks for itself.
      return device === undefined || error.details.file !== undefined
        ? { ...plain, message: error.message, exitCode: 1 }
        : {
            ...plain,
            message: `${error.message}\nDevice ${device} is not a valid LUKS device.`,
            exitCode: 1,
          };
    case 'PERMISSION_DENIED':
      return { ...plain, ...(deniedDevice(error) ?? { message: error.message, exitCode: exitCode(error) }) };
    default:
      return { ...plain, message: error.message, exitCode: exitCode(error) };
  }
}

/** cryptsetup counts a device that it may not open as one that is not there; one only to be read is another matter. */
function deniedDevice(error: TscryptError): { message: string; exitCode: number } | undefined {
  // Of a mapping that could not be made, the device below it is the one.
  const device = error.details.below ?? error.details.device;
  if (typeof device !== 'string' || !/^(EACCES|EPERM)$/.test(error.errno)) return undefined;
  try {
    accessSync(device, constants.R_OK);
    return { message: `Cannot write to device ${device}, permission denied.`, exitCode: 1 };
  } catch {
    return { message: `Device ${device} does not exist or access denied.`, exitCode: 4 };
  }
}

/** Some refusals have another exit code than the rest of their kind; who throws them says so. */
function exitCode(error: TscryptError): number {
  const { exitCode } = error.details;
  return typeof exitCode === 'number' ? exitCode : error.exitCode;
}
