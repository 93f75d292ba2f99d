import type { FieldSection } from '../field.ts';
import { INFO_SECTION } from './info.ts';
import { NAME_SECTION } from './name.ts';
import { RELATIONS_SECTION } from './relations.ts';
import type { DeviceRow } from './row.ts';
import { SPLIT_NAME_SECTION } from './split-name.ts';

/** All that reports can say of a mapped device itself, in the order in which help lists it. */
export const DEVICE_SECTIONS: readonly FieldSection<DeviceRow>[] = [
  NAME_SECTION,
  INFO_SECTION,
  RELATIONS_SECTION,
  SPLIT_NAME_SECTION,
];
