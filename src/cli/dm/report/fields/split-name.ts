import type { FieldSection } from '../field.ts';
import type { DeviceRow } from './row.ts';

export const SPLIT_NAME_KIND = 'splitname';

/** The parts of a mapped device's name. */
export const SPLIT_NAME_SECTION: FieldSection<DeviceRow> = {
  title: 'Mapped Device Name Components',
  kind: SPLIT_NAME_KIND,
  fields: [
    {
      id: 'subsystem',
      heading: 'Subsys',
      type: 'string',
      width: 6,
      help: 'Who gave the device its name.',
      value: ({ split }) => split.subsystem,
    },
    {
      id: 'vg_name',
      heading: 'VG',
      type: 'string',
      width: 4,
      help: 'LVM volume group.',
      value: ({ split }) => split.vgName,
    },
    {
      id: 'lv_name',
      heading: 'LV',
      type: 'string',
      width: 4,
      help: 'LVM logical volume.',
      value: ({ split }) => split.lvName,
    },
    {
      id: 'lv_layer',
      heading: 'LVLayer',
      type: 'string',
      width: 7,
      help: 'Layer of the LVM logical volume.',
      value: ({ split }) => split.lvLayer,
    },
  ],
};
