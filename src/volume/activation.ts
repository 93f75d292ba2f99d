import { parseCipherSpec } from '../crypto/index.ts';
import type { Secret } from '../crypto/secret.ts';
import { BackingDevices } from '../daemon/backing-devices.ts';
import {
  type ActivationRequest,
  activateDevice,
  type DeviceInfo,
  type ExportChoice,
  type ListenOptions,
} from '../daemon/index.ts';
import { MappedDevice } from '../dm/index.ts';
import { TscryptError } from '../errors.ts';
import {
  type CryptSegment,
  cryptTable,
  dataOffset,
  headerRegionSize,
  type Luks2Header,
  type PersistentFlag,
} from '../luks2/index.ts';
import { disposeTable, type TableSpec } from '../table/index.ts';
import { SECTOR_SIZE } from '../units.ts';
import { absoluteName, deviceSize, isDetached, type VolumeLocation } from './location.ts';

export interface ActivateOptions {
  readonly readOnly?: boolean | undefined;
  /** Besides the flags the header makes persistent: `allow-discards`, `same-cpu-crypt` … */
  readonly flags?: readonly PersistentFlag[] | undefined;
  /** Also as a block device of the kernel; `socket`, which is not at all, if not given. */
  readonly export?: ExportChoice | undefined;
  /** Serve over TCP as well as over the unix socket. */
  readonly listen?: ListenOptions | undefined;
  /** Gives up waiting and ends the half-started daemon. */
  readonly signal?: AbortSignal | undefined;
}

/** Maps a LUKS2 volume whose key is known, in a daemon of its own; returns when the device is usable. */
export async function activateLuks2(
  location: VolumeLocation,
  header: Luks2Header,
  name: string,
  key: { readonly keyslot: number | undefined; readonly volumeKey: Secret },
  options: ActivateOptions,
): Promise<DeviceInfo> {
  const device = await absoluteName(location.device);
  const description = await describe(location, header, device, key);
  const table = await volumeTable(location, device, header, key.volumeKey, options);
  const request: ActivationRequest = {
    name,
    uuid: mappedUuid(header, name),
    table,
    readOnly: options.readOnly ?? false,
    description,
    ...(options.export && { export: options.export }),
    ...(options.listen && { listen: options.listen }),
  };
  try {
    return await activateDevice(request, options.signal ? { signal: options.signal } : {});
  } finally {
    disposeTable(table);
  }
}

export interface MapOptions {
  /** Name of the mapped device; the volume's UUID unless given. */
  readonly name?: string | undefined;
  readonly readOnly?: boolean | undefined;
  readonly flags?: readonly PersistentFlag[] | undefined;
}

/** Maps a LUKS2 volume whose key is known in this process: no daemon, no export, gone when it is closed. */
export async function mapLuks2(
  location: VolumeLocation,
  header: Luks2Header,
  volumeKey: Secret,
  options: MapOptions,
): Promise<MappedDevice> {
  const readOnly = options.readOnly ?? false;
  const name = options.name ?? header.uuid;
  const device = await absoluteName(location.device);
  const table = await volumeTable(location, device, header, volumeKey, options);
  try {
    return await MappedDevice.create({
      name,
      uuid: mappedUuid(header, name),
      table,
      readOnly,
      openDevice: new BackingDevices({ workingDirectory: '/', shared: false }).open,
    });
  } finally {
    disposeTable(table);
  }
}

/** The device-mapper UUID by which other tools know a LUKS2 mapping. */
function mappedUuid(header: Luks2Header, name: string): string {
  return `CRYPT-LUKS2-${header.uuid.replaceAll('-', '')}-${name}`;
}

async function volumeTable(
  location: VolumeLocation,
  device: string,
  header: Luks2Header,
  volumeKey: Secret,
  { flags = [] }: { readonly flags?: readonly PersistentFlag[] | undefined },
): Promise<TableSpec> {
  // Data would be written over the header, and with it the only way to the key.
  if (dataOffset(header) < headerRegionSize(header) && !(await isDetached(location))) {
    throw new TscryptError(
      'INVALID_ARGUMENT',
      'Reduced data offset is allowed only for detached LUKS header.',
      {
        details: { device, found: dataOffset(header), expected: headerRegionSize(header) },
        hint: 'Name the data device, and this one with --header.',
      },
    );
  }
  return cryptTable(header, { device, dataSize: await deviceSize(device), volumeKey, flags });
}

/** Facts for `status`, none of them secret. */
async function describe(
  location: VolumeLocation,
  header: Luks2Header,
  device: string,
  key: { readonly keyslot: number | undefined; readonly volumeKey: Secret },
): Promise<Record<string, unknown>> {
  const segment = Object.values(header.metadata.segments).find(({ type }) => type === 'crypt') as
    | CryptSegment
    | undefined;
  return {
    type: 'LUKS2',
    device,
    ...(location.header !== undefined && { header: await absoluteName(location.header) }),
    volumeUuid: header.uuid,
    ...(segment && {
      cipher: segment.encryption,
      cipherName: parseCipherSpec(segment.encryption).cipher,
      keySizeBits: key.volumeKey.length * 8,
      sectorSize: segment.sector_size,
      offsetSectors: Number(segment.offset) / SECTOR_SIZE,
      skippedSectors: Number(segment.iv_tweak),
    }),
    ...(key.keyslot !== undefined && { keyslot: key.keyslot }),
  };
}
