import { Secret } from '../../crypto/secret.ts';
import type { PlannedDevice, StackPlan } from '../../dm/index.ts';
import { addressOf, libc } from '../../sys/index.ts';
import { disposeTable, type TableArg } from '../../table/index.ts';

/** A {@link StackPlan} on its way to another thread: in place of each key, where it lies in secret memory. */
export interface SentPlan extends Omit<StackPlan, 'devices'> {
  readonly devices: readonly SentDevice[];
}

interface SentDevice extends Omit<PlannedDevice, 'table'> {
  readonly table: readonly SentLine[];
}

interface SentLine {
  readonly start: number;
  readonly length: number;
  readonly type: string;
  readonly args: readonly (string | SentSecret)[];
}

interface SentSecret {
  readonly address: number;
  readonly length: number;
}

/** The keys must stay where they are until the copy that is made of the plan was withdrawn. */
export function encodePlan(plan: StackPlan): SentPlan {
  return {
    ...plan,
    devices: plan.devices.map((device) => ({
      ...device,
      table: device.table.map((line) => ({ ...line, args: line.args.map(encodeArg) })),
    })),
  };
}

/** With keys copied into secret memory of this thread's, for the caller to dispose of ({@link disposePlan}). */
export function decodePlan(plan: SentPlan): StackPlan {
  return {
    ...plan,
    devices: plan.devices.map((device) => ({
      ...device,
      table: device.table.map((line) => ({ ...line, args: line.args.map(decodeArg) })),
    })),
  };
}

export function disposePlan(plan: StackPlan): void {
  for (const { table } of plan.devices) disposeTable(table);
}

function encodeArg(arg: TableArg): string | SentSecret {
  if (typeof arg === 'string') return arg;
  // Memory of no length has no address.
  return { address: arg.length === 0 ? 0 : addressOf(arg.bytes), length: arg.length };
}

function decodeArg(arg: string | SentSecret): TableArg {
  if (typeof arg === 'string') return arg;
  if (arg.length === 0) return new Secret(0);
  const c = libc();
  if (!c) throw new Error('a queue thread without foreign functions');
  return Secret.copy(new Uint8Array(c.view(arg.address, arg.length)));
}
