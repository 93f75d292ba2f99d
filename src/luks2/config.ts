import { randomUUID } from 'node:crypto';
import type { BlockDevice } from '../block/index.ts';
import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';
import { cloneJson } from './json.ts';
import { setPriorityMember } from './keyslots.ts';
import { encodeText, LABEL_SIZE } from './ondisk.ts';
import { checkRequirements } from './requirements.ts';
import { PRIORITIES } from './unlock.ts';
import { writeHeader } from './write.ts';

/** Activation flags a header can make persistent, as `config.flags` names them, in the order written. */
export const PERSISTENT_FLAGS = [
  'allow-discards',
  'same-cpu-crypt',
  'submit-from-crypt-cpus',
  'no-journal',
  'no-read-workqueue',
  'no-write-workqueue',
  'high-priority',
] as const;

export type PersistentFlag = (typeof PERSISTENT_FLAGS)[number];

/** A UUID in the form the header keeps: lower case. @throws TscryptError INVALID_ARGUMENT */
export function normaliseUuid(uuid: string | undefined): string {
  if (uuid === undefined) return randomUUID();
  const lower = uuid.toLowerCase();
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(lower)) return lower;
  throw new TscryptError('INVALID_ARGUMENT', 'Wrong LUKS UUID format provided.', { details: { uuid } });
}

/** @throws TscryptError INVALID_ARGUMENT when it is longer than 47 bytes or holds a NUL */
export function checkLabel(label: string, field: 'label' | 'subsystem'): string {
  const length = encodeText(label).length;
  if (length < LABEL_SIZE && !label.includes('\0')) return label;
  throw new TscryptError('INVALID_ARGUMENT', `The ${field} is too long (at most ${LABEL_SIZE - 1} bytes).`, {
    details: { field, expected: LABEL_SIZE - 1, found: length },
  });
}

/**
 * @param uuid `undefined` = a new random one
 * @throws TscryptError INVALID_ARGUMENT; as `writeHeader`
 */
export async function setUuid(device: BlockDevice, header: Luks2Header, uuid?: string): Promise<Luks2Header> {
  checkRequirements(header);
  return writeHeader(device, { ...header, uuid: normaliseUuid(uuid) });
}

/** Sets label and subsystem; `undefined` leaves one as it is, `''` removes it. At most 47 bytes of UTF-8 each. */
export async function setLabels(
  device: BlockDevice,
  header: Luks2Header,
  labels: { readonly label?: string | undefined; readonly subsystem?: string | undefined },
): Promise<Luks2Header> {
  checkRequirements(header);
  return writeHeader(device, {
    ...header,
    label: checkLabel(labels.label ?? header.label, 'label'),
    subsystem: checkLabel(labels.subsystem ?? header.subsystem, 'subsystem'),
  });
}

/** @throws TscryptError NO_SUCH_OBJECT; REQUIREMENT_UNMET; as `writeHeader` */
export async function setPriority(
  device: BlockDevice,
  header: Luks2Header,
  keyslot: number,
  priority: 'ignore' | 'normal' | 'prefer',
): Promise<Luks2Header> {
  checkRequirements(header);
  const metadata = cloneJson(header.metadata);
  const target = metadata.keyslots[keyslot];
  if (!target) {
    throw new TscryptError('NO_SUCH_OBJECT', `Keyslot ${keyslot} is not active.`, { details: { keyslot } });
  }
  setPriorityMember(target, PRIORITIES[priority]);
  return writeHeader(device, { ...header, metadata });
}

/** Replaces the persistent activation flags; flags of names unknown here stay. */
export async function setFlags(
  device: BlockDevice,
  header: Luks2Header,
  flags: readonly PersistentFlag[],
): Promise<Luks2Header> {
  checkRequirements(header);
  const metadata = cloneJson(header.metadata);
  const unknown = (metadata.config.flags ?? []).filter((flag) => !isPersistentFlag(flag));
  metadata.config.flags = [...PERSISTENT_FLAGS.filter((flag) => flags.includes(flag)), ...unknown];
  return writeHeader(device, { ...header, metadata });
}

export function isPersistentFlag(flag: string): flag is PersistentFlag {
  return (PERSISTENT_FLAGS as readonly string[]).includes(flag);
}
