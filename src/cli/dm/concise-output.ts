import { Secret } from '../../crypto/secret.ts';
import type { DeviceInfo } from '../../daemon/request.ts';
import type { TableArg, TableSpec } from '../../table/spec.ts';
import { type KeyText, tableLineText } from './key-output.ts';
import type { NameMangling } from './mangle.ts';

/** Devices with their tables in one line, as `create --concise` takes it; a device without a table has none. */
export function conciseText(
  devices: readonly { readonly device: DeviceInfo; readonly table: TableSpec }[],
  names: NameMangling,
): KeyText {
  return devices.flatMap(({ device, table }, index): KeyText => {
    const { name, uuid, minor, readOnly } = device;
    const head = [quote(names.shown(name)), quote(names.shown(uuid)), minor, readOnly ? 'ro' : 'rw'];
    const lines = table.flatMap((line): TableArg[] => [
      ',',
      ...tableLineText(line).map((piece) => (piece instanceof Secret ? piece : quote(piece))),
    ]);
    return [index > 0 ? ';' : '', head.join(','), ...lines];
  });
}

function quote(text: string): string {
  return text.replace(/[,;\\]/g, '\\$&');
}
