import type { BlockDevice } from '../../block/device.ts';
import * as nbd from '../../block/nbd/protocol.ts';
import { maximumBlockSize } from './request-rules.ts';

/** A device offered under a name. */
export interface NbdExport {
  /** What a client asks for; at most 4096 bytes in UTF-8, without NUL. */
  readonly name: string;
  readonly device: BlockDevice;
  /** For people, in listings; at most 4096 bytes. */
  readonly description?: string;
  /** Refuse writes even where the device takes them. */
  readonly readOnly?: boolean;
}

export function isReadOnly(entry: NbdExport): boolean {
  return entry.device.readOnly || (entry.readOnly ?? false);
}

/** "Transmission flags". */
export function transmissionFlags(entry: NbdExport, structuredReplies: boolean): number {
  const { features } = entry.device;
  let flags =
    nbd.NBD_FLAG_HAS_FLAGS |
    nbd.NBD_FLAG_SEND_FLUSH |
    nbd.NBD_FLAG_SEND_FUA |
    nbd.NBD_FLAG_SEND_WRITE_ZEROES |
    nbd.NBD_FLAG_SEND_FAST_ZERO;
  if (isReadOnly(entry)) flags |= nbd.NBD_FLAG_READ_ONLY;
  if (features.discard) flags |= nbd.NBD_FLAG_SEND_TRIM;
  if (features.multiConnection) flags |= nbd.NBD_FLAG_CAN_MULTI_CONN;
  if (structuredReplies) flags |= nbd.NBD_FLAG_SEND_DF;
  return flags;
}

/** "Block size constraints" */
export function blockSizes(device: BlockDevice): { minimum: number; preferred: number; maximum: number } {
  const { logicalBlockSize, physicalBlockSize } = device.limits;
  return {
    minimum: logicalBlockSize,
    preferred: Math.max(4096, physicalBlockSize),
    maximum: maximumBlockSize(device),
  };
}
