import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** What happens in the guest: each step by the name of the test that it is. */
export type Steps = Readonly<Record<string, () => Promise<void>>>;

export interface StepResult {
  readonly name: string;
  readonly error?: string;
  readonly milliseconds: number;
}

/** Milliseconds until a step counts as hanging. Everything is emulated, on a machine with other work. */
const LIMIT = 240_000;

/** Runs the steps one after another and prints a {@link StepResult} each, a line of JSON. */
export async function runSteps(steps: Steps): Promise<void> {
  let failed = false;
  for (const [name, run] of Object.entries(steps)) {
    const start = performance.now();
    const timer = new AbortController();
    const late = sleep(LIMIT, undefined, { signal: timer.signal }).then(() => {
      throw new Error(`still not done after ${LIMIT / 1000} s`);
    });
    const error = await Promise.race([run(), late]).then(
      () => undefined,
      (reason: unknown) => describe(reason),
    );
    timer.abort();
    late.catch(() => {});
    const result: StepResult = {
      name,
      ...(error !== undefined && { error }),
      milliseconds: Math.round(performance.now() - start),
    };
    console.log(JSON.stringify(result));
    failed ||= error !== undefined;
  }
  // Where everything went well nothing is left that would keep this process. A step that failed may have left much.
  if (failed) process.exit(1);
}

function describe(reason: unknown): string {
  const error = reason as Error & { stderr?: string; details?: unknown };
  const details = error.details ? ` ${JSON.stringify(error.details)}` : '';
  return `${error.stack ?? String(reason)}${details}${error.stderr ?? ''}`;
}

/**
 * Runs a bash script, which must succeed, while this process goes on serving.
 *
 * @returns its output
 */
export async function shell(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-ec', script], { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trimEnd();
}

/** The code of the error that something must fail with. */
export async function codeOf(operation: Promise<unknown>): Promise<string> {
  return await operation.then(
    () => 'none',
    (error: { code?: string }) => String(error.code ?? error),
  );
}
