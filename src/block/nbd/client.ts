import type { SecureContextOptions } from 'node:tls';
import { TscryptError } from '../../errors.ts';
import type { BlockDevice } from '../device.ts';

export interface NbdClientOptions {
  /** Refuse writes whatever the server allows. */
  readonly readOnly?: boolean;
  /** For `nbds` URIs: certificates as node:tls takes them, and the name the server's certificate must bear. */
  readonly tls?: Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> & { readonly servername?: string };
  /** Milliseconds for connecting and negotiating; 30000 if not given. */
  readonly timeout?: number;
}

/** What a server tells about an export (NBD_OPT_LIST, NBD_OPT_INFO). */
export interface NbdExportInfo {
  readonly name: string;
  readonly description: string;
}

/**
 * Connects to an NBD server; the export is a block device.
 *
 * @throws TscryptError INVALID_ARGUMENT (bad URI), NO_SUCH_DEVICE (no such export or socket),
 *   PERMISSION_DENIED, CONNECTION_LOST, PROTOCOL_ERROR
 */
export async function connectNbd(uri: string, _options: NbdClientOptions = {}): Promise<BlockDevice> {
  throw new TscryptError('NOT_SUPPORTED', `Not connected to ${uri}.`);
}

/** The exports a server offers (NBD_OPT_LIST). The export name in the URI is not looked at. */
export async function listNbdExports(uri: string, _options: NbdClientOptions = {}): Promise<NbdExportInfo[]> {
  throw new TscryptError('NOT_SUPPORTED', `Not connected to ${uri}.`);
}
