import { refusal } from '../failure.ts';
import type { DmOptions } from '../options.ts';
import { PROGRAM_ID } from './device.ts';

/** Options of the command line that commands of `stats` look at. */
export type StatsOptions = DmOptions;

/** Which regions a command is about. */
export interface RegionSelection {
  /** undefined: all. */
  readonly region: number | undefined;
  /** undefined: of all programs. */
  readonly programId: string | undefined;
}

/** The program whose regions a command is about; undefined for all programs. */
export function programOf({ allprograms, programid = PROGRAM_ID }: StatsOptions): string | undefined {
  return allprograms ? undefined : programid;
}

/**
 * One region, or all that the user asked for.
 *
 * @throws TscryptError INVALID_ARGUMENT when neither is said, or both
 */
export function regionSelection(options: StatsOptions): RegionSelection {
  const { allregions = false, regionid } = options;
  if (allregions && regionid !== undefined) throw refusal('Please supply one of --allregions and --regionid');
  if (!allregions && regionid === undefined)
    throw refusal('Please specify a --regionid or use --allregions.');
  return { region: regionid, programId: programOf(options) };
}
