import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { BlockDevice } from '../../block/device.ts';
import { TscryptError } from '../../errors.ts';

export interface NbdExport {
  /** What a client asks for; at most 4096 bytes in UTF-8. */
  readonly name: string;
  readonly device: BlockDevice;
  /** For people, in listings. */
  readonly description?: string;
  /** Refuse writes even where the device takes them. */
  readonly readOnly?: boolean;
}

/** As node:tls takes it; with `ca`, clients must present a certificate signed by it. */
export type NbdTlsOptions = Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>;

export interface NbdServerOptions {
  readonly exports?: Iterable<NbdExport>;
  /** With it every TCP connection must start TLS; unix sockets stay plain. */
  readonly tls?: NbdTlsOptions;
}

/** Serves block devices over the NBD protocol (fixed newstyle). The devices stay the caller's: it closes them. */
export class NbdServer {
  constructor(options: NbdServerOptions = {}) {
    for (const entry of options.exports ?? []) this.addExport(entry);
  }

  /** @throws TscryptError DEVICE_EXISTS, INVALID_ARGUMENT (name too long) */
  addExport(_entry: NbdExport): void {
    throw new TscryptError('NOT_SUPPORTED', 'to follow');
  }

  /** Finishes the requests under way on its connections, drops those, and forgets the export. */
  async removeExport(_name: string): Promise<void> {}

  /** Open connections that have chosen this export; of all exports without a name. */
  connections(_name?: string): number {
    return 0;
  }

  /** @throws TscryptError DEVICE_BUSY when another server lives on the path; NO_SUCH_DEVICE; PERMISSION_DENIED */
  async listenUnix(_path: string): Promise<void> {}

  /**
   * @param port 0 = any free one
   * @throws TscryptError INVALID_ARGUMENT for an address that is not loopback without TLS; DEVICE_BUSY
   */
  async listenTcp(_host: string, _port: number): Promise<AddressInfo> {
    throw new TscryptError('NOT_SUPPORTED', 'to follow');
  }

  /** Stops listening, finishes the requests under way, answers them, closes the connections, unlinks sockets. */
  async close(): Promise<void> {}
}
