import type { StatsDevice, StatsOutput } from '../../../../src/cli/dm/stats/device.ts';
import { MappedDevice } from '../../../../src/dm/index.ts';
import { TscryptError } from '../../../../src/errors.ts';
import { parseTable } from '../../../../src/table/index.ts';

/** A device of `stats` commands over a mapped device in this process. */
export async function statsDevice(name: string, table: string): Promise<StatsDevice> {
  const device = await MappedDevice.create({
    name,
    ...(table === '' ? {} : { table: parseTable(table) }),
    openDevice: async (below) => {
      throw new TscryptError('NO_SUCH_DEVICE', `no ${below}`);
    },
  });
  return {
    name,
    message: (...words) => device.message(0, words),
    targets: async () => device.status(),
  };
}

/** What commands said: lines of output, `! ` before those that are warnings and errors. */
export class Said implements StatsOutput {
  readonly lines: string[] = [];
  readonly data: unknown[] = [];

  result(text: string, data: Readonly<Record<string, unknown>>): void {
    this.lines.push(...text.split('\n'));
    this.data.push(data);
  }

  warn(line: string): void {
    this.lines.push(`! ${line}`);
  }

  failure(error: unknown): void {
    if (!(error instanceof TscryptError)) throw error;
    this.lines.push(`! ${error.errno}`);
  }
}
