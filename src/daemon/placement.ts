import { type MappedReference, mappedReference } from '../dm/device-numbers.ts';
import type { ActivationRequest } from './request.ts';
import { type DeviceState, readStates } from './state-file.ts';

/**
 * The daemon a new device belongs to: that of a mapped device which its table names, so that requests pass
 * from one to the other without leaving the process; else, for a device that asks for it, the common one.
 *
 * @returns the name of a device of that daemon; undefined when the new one gets a daemon of its own
 */
export function findHost(root: string, request: ActivationRequest): string | undefined {
  const words = (request.table ?? []).flatMap(({ args }) => args);
  const references = words.flatMap((word) => (typeof word === 'string' ? (mappedReference(word) ?? []) : []));
  if (references.length === 0 && !request.common) return undefined;
  const states = readStates(root);
  const named = references.flatMap((reference) => {
    return states.find((state) => isMeant(state, reference)) ?? [];
  });
  const common = request.common ? states.find((state) => state.common) : undefined;
  return (named[0] ?? common)?.name;
}

function isMeant(state: DeviceState, reference: MappedReference): boolean {
  switch (reference.by) {
    case 'minor':
      return state.minor === reference.minor;
    case 'name':
      return state.name === reference.name;
    default:
      return state.uuid === reference.uuid;
  }
}
