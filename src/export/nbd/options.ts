import { NBD_MAX_STRING } from '../../block/nbd/protocol.ts';

/**
 * The data of the options that have any ("Option types"). Parsers return undefined for what is not well
 * formed: the option is then answered NBD_REP_ERR_INVALID.
 */
export interface InfoRequest {
  readonly exportName: string;
  readonly informationTypes: ReadonlySet<number>;
}

export interface MetaContextRequest {
  readonly exportName: string;
  readonly queries: readonly string[];
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A string of the protocol: UTF-8 without NUL, at most 4096 bytes. */
export function parseName(bytes: Uint8Array): string | undefined {
  if (bytes.length > NBD_MAX_STRING || bytes.includes(0)) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** NBD_OPT_INFO and NBD_OPT_GO. */
export function parseInfoRequest(data: Buffer): InfoRequest | undefined {
  if (data.length < 6) return undefined;
  const nameLength = data.readUInt32BE(0);
  if (nameLength > data.length - 6) return undefined;
  const exportName = parseName(data.subarray(4, 4 + nameLength));
  const count = data.readUInt16BE(4 + nameLength);
  if (exportName === undefined || data.length !== 6 + nameLength + 2 * count) return undefined;
  const informationTypes = new Set<number>();
  for (let at = 6 + nameLength; at < data.length; at += 2) informationTypes.add(data.readUInt16BE(at));
  return { exportName, informationTypes };
}

/** NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
export function parseMetaContextRequest(data: Buffer): MetaContextRequest | undefined {
  if (data.length < 8) return undefined;
  const nameLength = data.readUInt32BE(0);
  if (nameLength > data.length - 8) return undefined;
  const exportName = parseName(data.subarray(4, 4 + nameLength));
  if (exportName === undefined) return undefined;
  let left = data.readUInt32BE(4 + nameLength);
  let at = 8 + nameLength;
  const queries: string[] = [];
  for (; left > 0; left -= 1) {
    if (data.length - at < 4) return undefined;
    const length = data.readUInt32BE(at);
    if (length > data.length - at - 4) return undefined;
    const query = parseName(data.subarray(at + 4, at + 4 + length));
    if (query === undefined) return undefined;
    queries.push(query);
    at += 4 + length;
  }
  return at === data.length ? { exportName, queries } : undefined;
}
