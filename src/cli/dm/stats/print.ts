import type { StatsDevice, StatsOutput } from './device.ts';
import type { RegionSelection } from './options.ts';
import { readRegions } from './regions.ts';

/**
 * `print`: the counters as the device says them.
 *
 * @param clear the counters are set to 0 with it
 * @returns false when it failed and has said why
 * @throws IoctlFailure there is no such device
 */
export async function printRegions(
  device: StatsDevice,
  { region, programId }: RegionSelection,
  clear: boolean,
  output: StatsOutput,
): Promise<boolean> {
  const regions = await readRegions(device, programId);
  const ids = region === undefined ? regions.map(({ id }) => id) : [region];
  const message = clear ? '@stats_print_clear' : '@stats_print';
  for (const id of ids) {
    try {
      const text = (await device.message(message, String(id))).trimEnd();
      if (text !== '') output.result(text, { device: device.name, region: id, areas: text.split('\n') });
    } catch (error) {
      output.failure(error);
      output.warn('Could not print statistics region.');
      return false;
    }
  }
  return true;
}

/**
 * `clear`: sets the counters to 0.
 *
 * @returns false when it failed and has said why
 * @throws IoctlFailure there is no such device
 */
export async function clearRegions(
  device: StatsDevice,
  { region, programId }: RegionSelection,
  output: StatsOutput,
): Promise<boolean> {
  const ids = (await readRegions(device, programId)).map(({ id }) => id);
  if (region !== undefined && !ids.includes(region)) {
    output.warn(`No such region: ${region}.`);
    return false;
  }
  for (const id of region === undefined ? ids : [region]) await device.message('@stats_clear', String(id));
  return true;
}
