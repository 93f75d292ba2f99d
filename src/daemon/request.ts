import type { KernelExportKind } from '../export/kernel-export.ts';
import type { QueueCounters } from '../export/queue-threads.ts';
import type { TableSpec } from '../table/spec.ts';

/**
 * How a device is shown besides its NBD socket: by that facility of the kernel, by the best one this machine
 * has and else not at all (`auto`), or not at all (`socket`).
 */
export type ExportChoice = 'auto' | 'socket' | KernelExportKind;

export const EXPORT_CHOICES: readonly ExportChoice[] = ['auto', 'ublk', 'nbd', 'fuse', 'socket'];

/** What a daemon is asked to map and serve. */
export interface ActivationRequest {
  /** Name of the mapped device: 1 … 127 bytes, no '/', not '.' or '..'. */
  readonly name: string;
  /** '' for none. */
  readonly uuid: string;
  /** The smallest free number if not given. */
  readonly minor?: number;
  /**
   * Key material stays in its `Secret`s; the caller still owns and disposes of them. Without a table the
   * device is there, but cannot be used until one is loaded and resumed.
   */
  readonly table?: TableSpec;
  readonly readOnly?: boolean;
  /**
   * The device belongs to the daemon that all such devices share, so that their tables may name each other.
   * Without it the device gets a daemon of its own, unless its table names a device that has one.
   */
  readonly common?: boolean;
  /** Several devices may write to the same backing device (they cover different parts of it). */
  readonly shared?: boolean;
  /** Also as a block device of the kernel; `socket` if not given. */
  readonly export?: ExportChoice;
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
  /** '' if it has none. */
  readonly uuid: string;
  /** The numbers that name it in tables (`DM_MAJOR`); there is no node in /dev with them. */
  readonly major: number;
  readonly minor: number;
  /** The daemon's process. */
  readonly pid: number;
  /** The daemon is the one that devices share which ask for no other. */
  readonly common: boolean;
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  readonly suspended: boolean;
  readonly tables: { readonly live: boolean; readonly inactive: boolean };
  /** NBD connections, devices whose tables use this one, and one more while the kernel's node is in use. */
  readonly openCount: number;
  readonly eventNumber: number;
  /** Targets in the live table. */
  readonly targetCount: number;
  /** Their types, each once, in the order of the table. */
  readonly targetTypes: readonly string[];
  /** It will be closed when its last use ends. */
  readonly closeDeferred: boolean;
  /** What the kernel would read ahead on such a device; sectors. */
  readonly readAhead: number;
  /** The devices below the live table (without one, the inactive one), each once. */
  readonly dependencies: readonly Dependency[];
  /** The live table as dmsetup prints it, keys hidden. */
  readonly table: string;
  /** Where it is served: `nbd+unix:///NAME?socket=…`, then `nbd://…` if listening on TCP. */
  readonly uris: readonly string[];
  /** Path of the NBD socket. */
  readonly socket: string;
  readonly export: ExportInfo;
  /** What the daemon could not protect (see `Protection.shortcomings`). */
  readonly shortcomings: readonly string[];
  readonly geometry?: Geometry;
  readonly description: Readonly<Record<string, unknown>>;
}

/** How the kernel shows a device. */
export interface ExportInfo {
  /** `socket`: not at all; the NBD socket is all there is. */
  readonly kind: 'socket' | KernelExportKind;
  /** `/dev/ublkb0`, `/dev/nbd3`, `/dev/loop2`; for FUSE without a loop device, the path of the file. */
  readonly node?: string;
  readonly numbers?: { readonly major: number; readonly minor: number };
  /** `/dev/mapper/NAME`, where that leads to the node. */
  readonly link?: string;
  /** Queues or connections. */
  readonly queues?: number;
  /** Whether somebody has the node open, and what was served through it; in answers about one device only. */
  readonly inUse?: boolean;
  readonly counters?: QueueCounters;
  /** Why there is no node, where one was wished for; or why it is not as it should be. One sentence. */
  readonly reason?: string;
}

/** A device below. */
export interface Dependency {
  /** As tables print it. */
  readonly label: string;
  /** A mapped device's name, the name of a node in /dev, a file's path, a URI. */
  readonly name: string;
  /** Of a mapped device or a disk. */
  readonly numbers?: { readonly major: number; readonly minor: number };
}

/** What `dmsetup setgeometry` keeps with a device. */
export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  /** First sector, for HDIO_GETGEO. */
  readonly start: number;
}

export interface CloseOptions {
  /** In use: close when the last use ends, and return at once. */
  readonly deferred?: boolean;
  /** In use: disconnect the clients. A device below another one stays all the same. */
  readonly force?: boolean;
  /** Take an earlier deferred close back; the device stays. */
  readonly cancelDeferred?: boolean;
}
