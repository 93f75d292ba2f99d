import type { DmContext } from '../command.ts';
import type { FieldCatalogue } from './catalogue.ts';
import { reportHelpText } from './help-text.ts';
import { Report } from './report.ts';
import { ReportHelpWanted, ReportUsageError } from './usage-error.ts';

export interface ReportDefaults {
  /** Fields where none are named, and before those that `-o +FIELDS` adds. */
  readonly fields: string;
  /** Kinds of fields that `-o all` means; none: all. */
  readonly kinds?: readonly string[];
}

/**
 * The report that the command line asks for.
 *
 * @returns undefined when it asks for help, which has then been shown
 * @throws ReportUsageError after the lists that help to say it right have been shown
 */
export function openReport<Row>(
  { options, ui }: DmContext,
  catalogue: FieldCatalogue<Row>,
  defaults: ReportDefaults,
): Report<Row> | undefined {
  const { noheadings = false, nameprefixes = false, rows = false } = options;
  try {
    const report = new Report(catalogue, {
      fields: fieldList(options.options, defaults.fields),
      sort: options.sort ?? '',
      select: options.select ?? '',
      kinds: defaults.kinds ?? [],
      layout: {
        aligned: !noheadings && !nameprefixes && !rows && options.separator === undefined,
        headings: !noheadings,
        separator: options.separator ?? (noheadings ? ':' : ' '),
        prefixes: nameprefixes,
        quoted: !options.unquoted,
        fieldsAsRows: rows,
      },
    });
    for (const warning of report.warnings) ui.warn(warning);
    return report;
  } catch (error) {
    const asksForHelp = error instanceof ReportHelpWanted;
    if (!asksForHelp && !(error instanceof ReportUsageError)) throw error;
    if (error.help.length > 0 && (asksForHelp || !ui.json)) ui.warn(reportHelpText(catalogue, error.help));
    if (asksForHelp) return undefined;
    throw error;
  }
}

/** `-o +FIELDS` adds to the fields that are shown anyhow. */
function fieldList(given: string | undefined, defaults: string): string {
  if (given === undefined) return defaults;
  return given.startsWith('+') ? `${defaults},${given.slice(1)}` : given;
}
