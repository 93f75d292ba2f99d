import { type ReportHelp, ReportUsageError } from '../usage-error.ts';

/** What ends a string that is not quoted, besides blanks. */
const ENDS = ['&&', ',', '||', '#', ')'];

/** A place in the text of a selection. */
export class Cursor {
  /** What has not been read yet. */
  rest: string;

  constructor(text: string) {
    this.rest = text;
  }

  skipBlanks(): void {
    this.rest = this.rest.trimStart();
  }

  skip(length: number): void {
    this.rest = this.rest.slice(length);
  }

  /** Reads one of the signs if it comes next, behind blanks perhaps; else stays where it is. */
  take(signs: readonly string[]): string | undefined {
    const next = this.rest.trimStart();
    const sign = signs.find((candidate) => next.startsWith(candidate));
    if (sign !== undefined) this.rest = next.slice(sign.length);
    return sign;
  }

  /**
   * Reads a string: in quotes, or as far as the next blank or operator.
   *
   * @param quotes what may open one, and what then closes it
   * @returns undefined when it is not closed
   */
  string(quotes: Readonly<Record<string, string>>): string | undefined {
    const closing = quotes[this.rest.charAt(0)];
    if (closing === undefined) {
      const text = this.rest.slice(0, endOfWord(this.rest));
      this.skip(text.length);
      return text;
    }
    const end = this.rest.indexOf(closing, 1);
    if (end < 0) return undefined;
    const text = this.rest.slice(1, end);
    this.skip(end + 1);
    return text;
  }
}

function endOfWord(text: string): number {
  const ends = ENDS.map((sign) => text.indexOf(sign));
  return Math.min(...[...ends, text.search(/\s/)].map((end) => (end < 0 ? text.length : end)));
}

/** @param at the text from where it is wrong */
export function syntaxError(message: string, at: string, help: readonly ReportHelp[] = []): ReportUsageError {
  const lines = [message, `Selection syntax error at '${at}'.`, "Use 'help' for selection to get more help."];
  return new ReportUsageError(lines.join('\n'), help);
}
