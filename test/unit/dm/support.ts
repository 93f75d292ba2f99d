import { TscryptError } from '../../../src/errors.ts';

/** The code that a promise, or a call, fails with; undefined if it does not fail. */
export async function codeOf(action: Promise<unknown> | (() => unknown)): Promise<string | undefined> {
  return (await failureOf(action))?.code;
}

/** The error itself. Anything but a TscryptError is thrown on. */
export async function failureOf(
  action: Promise<unknown> | (() => unknown),
): Promise<TscryptError | undefined> {
  try {
    await (typeof action === 'function' ? action() : action);
    return undefined;
  } catch (error) {
    if (error instanceof TscryptError) return error;
    throw error;
  }
}
