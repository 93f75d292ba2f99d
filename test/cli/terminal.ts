import { fileURLToPath } from 'node:url';
import { check, ROOT, type RunOptions } from '../suites/tools.ts';

/** What a person at a terminal does, in order. */
export type Step =
  | { readonly expect: string }
  | { readonly send: string | Uint8Array }
  | { readonly signal: NodeJS.Signals }
  /** Wait until the terminal does not echo. */
  | 'hidden'
  /** Note whether the terminal echoes. */
  | 'look';

export interface TerminalResult {
  /** Everything the terminal showed; bytes as Latin-1. */
  readonly shown: string;
  /** Exit status; minus the signal's number when a signal ended it; null when it had to be killed. */
  readonly exit: number | null;
  readonly looks: readonly boolean[];
  /** Whether the terminal echoes afterwards. */
  readonly echoes: boolean;
}

const DRIVER = fileURLToPath(new URL('terminal.py', import.meta.url));

/** Runs a command on a pseudo-terminal of its own (python3 has one, Node has none). */
export async function onTerminal(
  command: readonly string[],
  steps: readonly Step[],
  options: RunOptions = {},
): Promise<TerminalResult> {
  const script = JSON.stringify(steps.map(encode));
  const { stdout } = await check('python3', [DRIVER, script, ...command], { timeout: 90_000, ...options });
  return JSON.parse(stdout) as TerminalResult;
}

/** {@link onTerminal} for tscrypt. */
export function tscryptOnTerminal(
  args: readonly string[],
  steps: readonly Step[],
  options: RunOptions = {},
): Promise<TerminalResult> {
  return onTerminal([process.execPath, `${ROOT}bin/tscrypt.js`, ...args], steps, options);
}

function encode(step: Step): string[] {
  if (step === 'look' || step === 'hidden') return [step];
  if ('expect' in step) return ['expect', step.expect];
  if ('signal' in step) return ['signal', step.signal];
  return ['send', Buffer.from(step.send as Uint8Array).toString('hex')];
}
