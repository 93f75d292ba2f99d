import { createHash } from 'node:crypto';
import { TscryptError } from '../../errors.ts';
import type { KernelExportState } from '../kernel-export.ts';
import { type DeviceInfo, USER_RECOVERY } from './abi.ts';
import { diskNode, isUnprivileged } from './control.ts';

/** What another process needs to find a device again, and to be sure that it is that one. */
export interface UblkState extends KernelExportState {
  readonly kind: 'ublk';
  readonly id: number;
  /** Numbers are used again: only a device with this mark is ours. */
  readonly mark: number;
  readonly unprivileged: boolean;
  /** The kernel keeps it when its server dies. */
  readonly recoverable: boolean;
}

/** A number that the kernel keeps with a device and that no other device has. */
export function markOf(identifier: string): number {
  return createHash('sha256').update(identifier).digest().readUIntBE(0, 6);
}

export function stateOf({ id, mark, flags }: DeviceInfo): UblkState {
  return {
    kind: 'ublk',
    node: diskNode(id),
    id,
    mark,
    unprivileged: isUnprivileged(flags),
    recoverable: (flags & USER_RECOVERY) !== 0,
  };
}

/** @throws TscryptError INVALID_FORMAT for what {@link stateOf} does not give */
export function parseState(state: KernelExportState): UblkState {
  const { kind, id, mark, unprivileged, recoverable } = state;
  const numbers = [id, mark].every((value) => Number.isSafeInteger(value) && Number(value) >= 0);
  if (kind !== 'ublk' || !numbers || typeof unprivileged !== 'boolean' || typeof recoverable !== 'boolean') {
    throw new TscryptError('INVALID_FORMAT', `What is known of ${state.node} makes no sense.`, {
      details: { structure: 'ublk state', node: state.node },
    });
  }
  return state as UblkState;
}
