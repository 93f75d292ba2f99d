import { adoptFile } from '../block/adopted-file.ts';
import type { BlockDevice } from '../block/device.ts';
import type { FileShare } from '../block/file-share.ts';
import { TscryptError } from '../errors.ts';
import type { TableSpec } from '../table/spec.ts';
import { MappedDevice } from './mapped-device.ts';
import { OpenedDevice } from './opened-device.ts';

/**
 * What another thread makes a copy of a mapped device of, with all that it lies upon. Plain data, but for the keys in
 * the tables, which stay the targets' and may be looked at until the copy is withdrawn.
 */
export interface StackPlan {
  /** Those that lie upon others behind them; the last one is the device itself. */
  readonly devices: readonly PlannedDevice[];
  /** Some target takes note of failures: see `TargetType.stateless`. */
  readonly notesFailures: boolean;
  /** Requests take much of the processor's time. */
  readonly laborious: boolean;
}

export interface PlannedDevice {
  readonly name: string;
  readonly minor: number;
  readonly readOnly: boolean;
  readonly table: TableSpec;
  /** What the names in the table mean. */
  readonly below: readonly PlannedBelow[];
}

/** A file, or the number of a device in {@link StackPlan.devices}. */
export type PlannedBelow = { readonly label: string } & (
  | { readonly file: FileShare }
  | { readonly device: number }
);

/**
 * How to copy the device; undefined when some part of it cannot be, or not now: a target that is not stateless,
 * statistics, a suspension, a device below that is neither a file nor mapped here.
 */
export function planStack(device: MappedDevice): StackPlan | undefined {
  const devices: PlannedDevice[] = [];
  const numbers = new Map<MappedDevice, number>();
  let notesFailures = false;
  let laborious = false;

  const plan = (mapped: MappedDevice): number | undefined => {
    const known = numbers.get(mapped);
    if (known !== undefined) return known;
    const live = mapped.copyable;
    const labels = live?.devicesByLabel;
    if (!live || !labels) return undefined;
    const below: PlannedBelow[] = [];
    for (const [label, opened] of labels) {
      const under = mappedBelow(opened);
      const place = under ? planned(plan(under)) : shared(opened);
      if (!place) return undefined;
      below.push({ label, ...place });
    }
    if (live.stateless === 'until-failure') notesFailures = true;
    if (live.laborious) laborious = true;
    const { name, minor, readOnly } = mapped;
    const number = devices.push({ name, minor, readOnly, table: live.table(), below }) - 1;
    numbers.set(mapped, number);
    return number;
  };
  return plan(device) === undefined ? undefined : { devices, notesFailures, laborious };
}

/** The device and every mapped device that it lies upon, each once: what must be watched while a copy serves. */
export function mappedStack(device: MappedDevice): ReadonlySet<MappedDevice> {
  const found = new Set<MappedDevice>();
  const visit = (mapped: MappedDevice): void => {
    if (found.has(mapped)) return;
    found.add(mapped);
    for (const opened of mapped.below) {
      const under = mappedBelow(opened);
      if (under) visit(under);
    }
  };
  visit(device);
  return found;
}

/** A copy of a mapped device, in the thread that made it. */
export interface StackCopy {
  readonly device: BlockDevice;
  /** Waits for the requests under way, and flushes nothing: that is the business of the device that was copied. */
  close(): Promise<void>;
}

/**
 * Makes the copy. Secrets in the plan stay the caller's.
 *
 * @param flush flushes the device that was copied
 * @throws TscryptError what the targets' constructors say; nothing is left then
 */
export async function copyStack(plan: StackPlan, flush: () => Promise<void>): Promise<StackCopy> {
  const made: MappedDevice[] = [];
  const close = async (): Promise<void> => {
    for (const device of made.toReversed()) {
      await device.suspend({ flush: false });
      await device.close();
    }
  };
  try {
    for (const { name, minor, readOnly, table, below } of plan.devices) {
      const places = new Map(below.map((place) => [place.label, place]));
      const device = await MappedDevice.create({
        name,
        minor,
        readOnly,
        table,
        openDevice: async (label) => {
          const place = places.get(label);
          if (place && 'file' in place) return adoptFile(place.file, flush);
          const under = place && made[place.device];
          if (under) return under.open();
          throw new TscryptError('INTERNAL', `the plan of ${name} has no ${label}`);
        },
      });
      made.push(device);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const device = made.at(-1);
  if (!device) throw new TscryptError('INTERNAL', 'the plan of a stack has no device');
  return { device, close };
}

function mappedBelow(device: BlockDevice): MappedDevice | undefined {
  if (!(device instanceof OpenedDevice)) return undefined;
  return device.opened instanceof MappedDevice ? device.opened : undefined;
}

function planned(device: number | undefined): { readonly device: number } | undefined {
  return device === undefined ? undefined : { device };
}

function shared(device: BlockDevice): { readonly file: FileShare } | undefined {
  const file = device.share?.();
  return file && { file };
}
