import type { DmContext } from '../command.ts';
import type { Report } from './report.ts';

/**
 * Makes something as often as `--count` and `--interval` say: once without either, for ever with a count of 0 or
 * an interval alone; JSON once. When nobody reads what is printed any more, it ends.
 *
 * @param once makes it; false ends it all, as a failure
 * @param between is called before each but the first
 */
export async function repeat(
  { options, ui }: DmContext,
  once: () => Promise<boolean>,
  between: () => void = () => {},
): Promise<boolean> {
  const { count = options.interval === undefined ? 1 : 0, interval = 1 } = options;
  for (let done = 1; ; done++) {
    if (!(await once())) return false;
    if (done === count || ui.json || !process.stdout.writable) return true;
    await new Promise((resolve) => setTimeout(resolve, interval * 1000));
    between();
  }
}

/**
 * Fills a report with rows and prints it, again and again where the command line says so.
 *
 * @param fill adds the rows; false when that failed half-way, which ends it all
 * @returns what `fill` returned last
 * @throws whatever `fill` does; rows that it added before are printed
 */
export async function printReport<Row>(
  context: DmContext,
  report: Report<Row>,
  fill: () => Promise<boolean>,
): Promise<boolean> {
  const { ui } = context;
  const once = async (): Promise<boolean> => {
    report.clear();
    try {
      return await fill();
    } finally {
      if (ui.json) ui.printJson(report.json());
      else {
        const text = report.text();
        if (text !== '') ui.print(text);
      }
    }
  };
  return await repeat(context, once, () => ui.print(''));
}
