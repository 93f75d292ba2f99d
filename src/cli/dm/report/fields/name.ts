import { TscryptError } from '../../../../errors.ts';
import { type MangledSubject, NameMangling } from '../../mangle.ts';
import type { FieldSection } from '../field.ts';
import { type DeviceRow, deviceField } from './row.ts';

const MANGLING = new NameMangling('auto');
const UNMANGLING = new NameMangling('hex');

/** What a mapped device is called. */
export const NAME_SECTION: FieldSection<DeviceRow> = {
  title: 'Mapped Device Name',
  kind: 'name',
  fields: [
    deviceField(
      { id: 'name', heading: 'Name', type: 'string', width: 16, help: 'Name of the device.' },
      ({ info, names }) => names.shown(info.name),
    ),
    deviceField(
      {
        id: 'mangled_name',
        heading: 'MangledName',
        type: 'string',
        width: 16,
        help: 'Name in its mangled form.',
      },
      ({ info }) => mangled(info.name, 'name'),
    ),
    deviceField(
      {
        id: 'unmangled_name',
        heading: 'UnmangledName',
        type: 'string',
        width: 16,
        help: 'Name in its unmangled form.',
      },
      ({ info }) => UNMANGLING.shown(info.name),
    ),
    deviceField(
      { id: 'uuid', heading: 'UUID', type: 'string', width: 32, help: 'UUID of the device, if it has one.' },
      ({ info, names }) => names.shown(info.uuid),
    ),
    deviceField(
      {
        id: 'mangled_uuid',
        heading: 'MangledUUID',
        type: 'string',
        width: 32,
        help: 'UUID in its mangled form.',
      },
      ({ info }) => mangled(info.uuid, 'UUID'),
    ),
    deviceField(
      {
        id: 'unmangled_uuid',
        heading: 'UnmangledUUID',
        type: 'string',
        width: 32,
        help: 'UUID in its unmangled form.',
      },
      ({ info }) => UNMANGLING.shown(info.uuid),
    ),
    deviceField(
      {
        id: 'read_ahead',
        heading: 'RAhead',
        type: 'number',
        width: 6,
        help: 'Sectors that are read ahead.',
      },
      ({ info: { readAhead, tables } }) => (tables.live || tables.inactive ? readAhead : 0),
    ),
  ],
};

/** A name that can be taken for half mangled is left as it is. */
function mangled(text: string, subject: MangledSubject): string {
  try {
    return MANGLING.toDevice(text, subject);
  } catch (error) {
    if (error instanceof TscryptError) return text;
    throw error;
  }
}
