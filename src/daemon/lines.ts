import type { Socket } from 'node:net';
import { TscryptError } from '../errors.ts';

/** Longest line either side of a control connection takes, in bytes. */
export const LONGEST_LINE = 256 * 1024;

const NEWLINE = 0x0a;

/**
 * Splits what a socket receives into lines.
 *
 * @param onLine a whole line without its newline
 * @param onTooLong a line exceeds {@link LONGEST_LINE}; nothing more is read
 */
export function readLines(socket: Socket, onLine: (line: string) => void, onTooLong: () => void): void {
  let parts: Buffer[] = [];
  let length = 0;
  const receive = (chunk: Buffer): void => {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      length += piece.length;
      if (length > LONGEST_LINE) {
        socket.off('data', receive);
        socket.pause();
        onTooLong();
        return;
      }
      parts.push(piece);
      if (end === -1) return;
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      length = 0;
      start = end + 1;
      onLine(line);
    }
  };
  socket.on('data', receive);
}

/** One message as a line. */
export function formatLine(message: unknown): string {
  return `${JSON.stringify(message)}\n`;
}

/** @throws TscryptError PROTOCOL_ERROR unless the line is a JSON object */
export function parseLine(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Judged below; the parser's message would repeat the input.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TscryptError('PROTOCOL_ERROR', 'Not a JSON object.');
  return value as Record<string, unknown>;
}
