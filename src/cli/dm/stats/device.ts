/** A device as the commands of `tsdmsetup stats` need it. */
export interface StatsDevice {
  /** As people write it. */
  readonly name: string;
  /**
   * Sends a message to the device itself.
   *
   * @throws IoctlFailure what the device says, or that there is none
   */
  message(...words: readonly string[]): Promise<string>;
  /**
   * The targets of its live table.
   *
   * @throws IoctlFailure there is no such device
   */
  targets(): Promise<readonly Segment[]>;
}

/** Sectors. */
export interface Segment {
  readonly start: number;
  readonly length: number;
}

/** Where commands say what they did. */
export interface StatsOutput {
  /** A result: a line of text, or the same as data. */
  result(text: string, data: Readonly<Record<string, unknown>>): void;
  /** What went wrong, or might. */
  warn(line: string): void;
  /** The same, of an error that was thrown. */
  failure(error: unknown): void;
}

/** `--programid` where it is not given. */
export const PROGRAM_ID = 'dmstats';
