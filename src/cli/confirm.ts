import { TscryptError } from '../errors.ts';
import { canAsk } from './passphrase/terminal.ts';
import type { Ui } from './ui.ts';

/**
 * Asks whether to go on, if there is somebody to ask: `--batch-mode`, or a standard input that is no
 * terminal, means yes, as with cryptsetup.
 */
export async function confirm(text: string, ui: Ui): Promise<boolean> {
  if (ui.batch || !canAsk()) return true;
  ui.warn(`\nWARNING!\n========\n${text}\n`);
  // The library decides on colours when it is loaded.
  process.env.NODE_DISABLE_COLORS ??= '1';
  const { default: prompts } = await import('prompts');
  const { answer } = await prompts({
    type: 'text',
    name: 'answer',
    message: "Are you sure? (Type 'yes' in capital letters):",
    stdout: process.stderr,
  });
  return answer === 'YES';
}

/** @param exitCode cryptsetup's for this refusal */
export function aborted(message = 'Operation aborted.', exitCode: 1 | 2 = 2): TscryptError {
  return new TscryptError('ABORTED', message, { details: { exitCode } });
}
