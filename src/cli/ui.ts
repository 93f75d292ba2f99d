import { writeSync } from 'node:fs';
import type { Options } from './flags/registry.ts';

/**
 * The rules of the terminal, which every action keeps:
 *
 * - **stdout** carries what was asked for: dumps, status, UUIDs, JSON. As with cryptsetup it also carries
 *   what `--verbose` and `--debug` add and notes on what is about to happen, except under `--json`, where
 *   nothing but JSON may stand there: then those go to stderr.
 * - **stderr** carries errors, warnings and questions.
 * - Passphrases are asked for and typed on the controlling **terminal**, raw bytes, no echo, and only if
 *   standard input is a terminal; else standard input is read. Questions are asked under the same condition.
 * - A failure is said once, in one sentence, with a hint if there is something to do. No stack traces
 *   (`--debug` shows them), no colours, no secrets, ever.
 * - A reader that goes away (EPIPE) is no failure.
 */
export class Ui {
  readonly json: boolean;
  readonly verboseWanted: boolean;
  readonly debugWanted: boolean;
  /** `--batch-mode`: no questions. */
  readonly batch: boolean;

  constructor(options: Options) {
    this.json = options.json ?? false;
    this.debugWanted = options.debug ?? false;
    this.verboseWanted = (options.verbose ?? false) || this.debugWanted;
    this.batch = options['batch-mode'] ?? false;
  }

  /** What was asked for. */
  print(text: string): void {
    write(process.stdout, text);
  }

  printJson(value: unknown): void {
    this.print(JSON.stringify(value, undefined, 2));
  }

  /** What is about to happen. */
  note(text: string): void {
    write(this.json ? process.stderr : process.stdout, text);
  }

  verbose(text: string): void {
    if (this.verboseWanted) this.note(text);
  }

  debug(text: string): void {
    if (this.debugWanted) this.note(text.replace(/^/gm, '# '));
  }

  /** What went wrong, or might. */
  warn(text: string): void {
    write(process.stderr, text);
  }
}

/**
 * Writes a line. `console.log` would not do: it formats, and its stream throws where the reader is gone.
 */
function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Writes bytes that must not become a string; the caller zeroes them. */
export function writeBytes(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

/** From now on a reader that went away ends the output, not the program with an error. */
export function ignoreBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}
