import type { Dependency, DeviceInfo } from '../../../../daemon/request.ts';
import { refusal } from '../../failure.ts';
import type { GraphNode } from '../../graph.ts';
import type { NameMangling } from '../../mangle.ts';
import type { SplitName } from '../../split-name.ts';
import type { FieldValue, ReportField } from '../field.ts';

/** What is known of a mapped device in a report. */
export interface DeviceFacts {
  readonly info: DeviceInfo;
  readonly names: NameMangling;
  /** Of the table that is asked about, as dmsetup lists them. */
  readonly dependencies: readonly Dependency[];
  /** Its place among all devices; absent in reports that say nothing about that. */
  readonly node?: GraphNode;
}

/** A row of a report on mapped devices. */
export interface DeviceRow {
  /** Absent where only a name is reported on. */
  readonly device?: DeviceFacts;
  readonly split: SplitName;
}

/**
 * A field that says something of a device.
 *
 * @throws TscryptError from `value`, where the row has no device; in dmsetup's words
 */
export function deviceField(
  field: Omit<ReportField<DeviceRow>, 'value'>,
  value: (device: DeviceFacts) => FieldValue,
): ReportField<DeviceRow> {
  return {
    ...field,
    value: ({ device }) => {
      if (device) return value(device);
      throw refusal(`_do_report_object: no data assigned to field ${field.id}`);
    },
  };
}
