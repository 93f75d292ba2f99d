import type { TableSpec } from '../table/spec.ts';

/** What a daemon is asked to map and serve. */
export interface ActivationRequest {
  /** Name of the mapped device: 1 … 127 bytes, no '/', not '.' or '..'. */
  readonly name: string;
  readonly uuid: string;
  /** Key material stays in its `Secret`s; the caller still owns and disposes of them. */
  readonly table: TableSpec;
  readonly readOnly?: boolean;
  /** Several devices may write to the same backing device (they cover different parts of it). */
  readonly shared?: boolean;
  /** Serve over TCP as well. Without `tls` only on a loopback address. */
  readonly listen?: ListenOptions;
  /** Plain facts for `status`: type, cipher, device … never a secret. */
  readonly description?: Readonly<Record<string, unknown>>;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Paths of PEM files. With `ca`, clients must show a certificate it signed. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly ca?: string };
}

/** One active device, as its daemon describes it. */
export interface DeviceInfo {
  readonly name: string;
  readonly uuid: string;
  /** The daemon's process. */
  readonly pid: number;
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  readonly suspended: boolean;
  /** NBD connections that have the device open. */
  readonly openCount: number;
  /** It will be closed when the last connection goes. */
  readonly closeDeferred: boolean;
  /** The live table as dmsetup prints it, keys hidden. */
  readonly table: string;
  /** Where it is served: `nbd+unix:///NAME?socket=…`, then `nbd://…` if listening on TCP. */
  readonly uris: readonly string[];
  /** Path of the NBD socket. */
  readonly socket: string;
  /** What the daemon could not protect (see `Protection.shortcomings`). */
  readonly shortcomings: readonly string[];
  readonly description: Readonly<Record<string, unknown>>;
}

export interface CloseOptions {
  /** In use: close when the last client leaves, and return at once. */
  readonly deferred?: boolean;
  /** In use: disconnect the clients. */
  readonly force?: boolean;
  /** Take an earlier deferred close back; the device stays. */
  readonly cancelDeferred?: boolean;
}
