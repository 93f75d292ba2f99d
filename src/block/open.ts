import type { BlockDevice } from './device.ts';
import { type OpenFileOptions, openFile } from './file.ts';
import { connectNbd, type NbdClientOptions } from './nbd/client.ts';
import { isNbdUri } from './nbd/uri.ts';

export interface OpenDeviceOptions extends OpenFileOptions {
  /** For `nbds` URIs. */
  readonly tls?: NbdClientOptions['tls'];
}

/**
 * Opens what a user names: a path of a regular file or block device, or an NBD URI (`nbd://host:port/name`,
 * `nbds://…`, `nbd+unix:///name?socket=PATH`, `nbds+unix://…`).
 *
 * @throws TscryptError NO_SUCH_DEVICE, PERMISSION_DENIED, READ_ONLY, DEVICE_BUSY, INVALID_ARGUMENT (bad URI),
 *   CONNECTION_LOST, PROTOCOL_ERROR
 */
export function openDevice(nameOrUri: string, options: OpenDeviceOptions = {}): Promise<BlockDevice> {
  const { tls, ...file } = options;
  if (!isNbdUri(nameOrUri)) return openFile(nameOrUri, file);
  return connectNbd(nameOrUri, { readOnly: options.readOnly ?? false, ...(tls && { tls }) });
}
