import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty, ReadStream } from 'node:tty';
import { Secret } from '../../crypto/secret.ts';
import { TscryptError } from '../../errors.ts';
import { LineEditor } from './line-editor.ts';

const POLL_MS = 20;

/** Whether a person can be asked: standard input is a terminal. */
export function canAsk(): boolean {
  return isatty(0);
}

export interface AskOptions {
  /** Gives up after so long. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Asks for a line on the terminal without showing what is typed. The bytes go from the terminal into
 * locked memory and nowhere else: not into a string, not into a stream's buffers. Whatever ends the wait (Enter,
 * Ctrl-C, a signal, the timeout), the terminal is as it was before.
 *
 * @throws TscryptError INVALID_ARGUMENT when nothing was entered: interrupted, timed out, no terminal
 */
export async function askHidden(prompt: string, options: AskOptions = {}): Promise<Secret> {
  using terminal = Terminal.open();
  using editor = new LineEditor();
  const deadline =
    options.timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.timeoutMs;
  terminal.hide();
  terminal.write(prompt);
  for (;;) {
    const byte = terminal.readByte();
    if (byte === 'nothing yet') {
      if (Date.now() >= deadline) throw unreadable('timeout');
      await sleep(POLL_MS);
      continue;
    }
    const typed = byte === 'closed' ? 'end-of-input' : editor.type(byte);
    switch (typed) {
      case 'more':
        break;
      case 'suspend':
        terminal.suspend();
        terminal.write(prompt);
        break;
      case 'interrupt':
      case 'end-of-input':
        throw unreadable(typed);
      case 'done':
        terminal.write('\n');
        if (editor.overflowed)
          terminal.write('Read stopped at maximal interactive input length, passphrase can be trimmed.\n');
        return editor.take();
    }
  }
}

function unreadable(reason: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', 'Error reading passphrase from terminal.', {
    details: { reason },
  });
}

const FATAL_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The terminal, opened anew and non-blocking: a descriptor of our own, so that the shell's keeps its flags,
 * and reads that never block a thread, so that signals and timeouts are served while a person thinks.
 */
class Terminal implements Disposable {
  readonly #fd: number;
  /** Only sets the mode; never reads. */
  readonly #mode: ReadStream;
  readonly #byte = new Secret(1);
  readonly #show = (): void => {
    this.#mode.setRawMode(false);
  };
  readonly #die = (signal: NodeJS.Signals): void => {
    this.write('\n');
    this[Symbol.dispose]();
    process.kill(process.pid, signal);
  };

  private constructor(fd: number, mode: ReadStream) {
    this.#fd = fd;
    this.#mode = mode;
  }

  static open(): Terminal {
    // No controlling terminal (a daemon's child), but standard input is one: use that.
    for (const path of ['/dev/tty', '/proc/self/fd/0']) {
      let fd: number | undefined;
      try {
        fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
        return new Terminal(fd, new ReadStream(openSync(path, constants.O_RDWR | constants.O_NOCTTY)));
      } catch {
        if (fd !== undefined) closeSync(fd);
      }
    }
    throw unreadable('no terminal');
  }

  hide(): void {
    process.on('exit', this.#show);
    for (const signal of FATAL_SIGNALS) process.on(signal, this.#die);
    this.#mode.setRawMode(true);
  }

  /** Ctrl-Z: stops the program with the terminal as it was; returns when it is continued. */
  suspend(): void {
    this.#mode.setRawMode(false);
    process.kill(process.pid, 'SIGTSTP');
    this.#mode.setRawMode(true);
  }

  write(text: string): void {
    writeSync(this.#fd, text);
  }

  readByte(): number | 'nothing yet' | 'closed' {
    try {
      if (readSync(this.#fd, this.#byte.bytes, 0, 1, null) === 0) return 'closed';
      return this.#byte.bytes[0] ?? 0;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN' || code === 'EINTR') return 'nothing yet';
      return 'closed';
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#show);
    for (const signal of FATAL_SIGNALS) process.off(signal, this.#die);
    this.#show();
    this.#mode.destroy();
    this.#byte.dispose();
    closeSync(this.#fd);
  }
}
