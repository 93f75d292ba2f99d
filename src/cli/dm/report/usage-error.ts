import { TscryptError } from '../../../errors.ts';

/** A list that helps to say it right: the fields, the fields with their types, what selections are made of. */
export type ReportHelp = 'fields' | 'types' | 'operators';

/** What the command line says of fields, sorting or selection makes no sense. */
export class ReportUsageError extends TscryptError {
  /** To be shown before the message. */
  readonly help: readonly ReportHelp[];

  constructor(message: string, help: readonly ReportHelp[] = []) {
    super('INVALID_ARGUMENT', message);
    this.help = help;
  }
}

/** The command line asked for help in place of a report. */
export class ReportHelpWanted extends Error {
  readonly help: readonly ReportHelp[];

  constructor(help: readonly ReportHelp[]) {
    super('help is wanted');
    this.help = help;
  }
}
