import { blockName } from '../../block-name.ts';
import type { FieldSection } from '../field.ts';
import { type DeviceRow, deviceField } from './row.ts';

/** The state of a mapped device. */
export const INFO_SECTION: FieldSection<DeviceRow> = {
  title: 'Mapped Device Information',
  kind: 'info',
  fields: [
    deviceField(
      {
        id: 'blkdevname',
        heading: 'BlkDevName',
        type: 'string',
        width: 16,
        help: 'Name that stands for a node in /dev.',
      },
      ({ info }) => blockName(info),
    ),
    deviceField(
      {
        id: 'attr',
        heading: 'Stat',
        type: 'string',
        width: 4,
        help: '(L)ive table, (I)nactive table, (s)uspended, (r)ead-only or read-(w)rite.',
      },
      ({ info: { tables, suspended, readOnly } }) =>
        [
          tables.live ? 'L' : '-',
          tables.inactive ? 'I' : '-',
          suspended ? 's' : '-',
          readOnly ? 'r' : 'w',
        ].join(''),
    ),
    deviceField(
      {
        id: 'tables_loaded',
        heading: 'Tables',
        type: 'string',
        width: 6,
        help: 'Which table slots are filled: Live, Inactive, Both or None.',
      },
      ({ info: { tables } }) =>
        tables.live ? (tables.inactive ? 'Both' : 'Live') : tables.inactive ? 'Inactive' : 'None',
    ),
    deviceField(
      {
        id: 'suspended',
        heading: 'Suspended',
        type: 'string',
        width: 9,
        help: 'Whether it is Suspended or Active.',
      },
      ({ info }) => (info.suspended ? 'Suspended' : 'Active'),
    ),
    deviceField(
      {
        id: 'readonly',
        heading: 'Read-only',
        type: 'string',
        width: 9,
        help: 'Whether it is Read-only or Writeable.',
      },
      ({ info }) => (info.readOnly ? 'Read-only' : 'Writeable'),
    ),
    deviceField(
      { id: 'devno', heading: 'DevNo', type: 'string', width: 5, help: 'Major and minor number.' },
      ({ info }) => `${info.major}:${info.minor}`,
    ),
    deviceField(
      { id: 'major', heading: 'Maj', type: 'number', width: 3, help: 'Major number.' },
      ({ info }) => info.major,
    ),
    deviceField(
      { id: 'minor', heading: 'Min', type: 'number', width: 3, help: 'Minor number.' },
      ({ info }) => info.minor,
    ),
    deviceField(
      { id: 'open', heading: 'Open', type: 'number', width: 4, help: 'How often the device is open.' },
      ({ info }) => info.openCount,
    ),
    deviceField(
      { id: 'segments', heading: 'Targ', type: 'number', width: 4, help: 'Targets in the live table.' },
      ({ info }) => info.targetCount,
    ),
    deviceField(
      { id: 'events', heading: 'Event', type: 'number', width: 6, help: 'Number of the last event.' },
      ({ info }) => info.eventNumber,
    ),
  ],
};
