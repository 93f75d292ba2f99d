/**
 * A case of the differential bench: devices, and steps that are taken over them both by the Linux kernel and
 * here. Everything that can be seen is compared: what each step answers (data, text or errno), and in
 * the end the content of every device, mapped and backing.
 */
export interface Case {
  /** Unique; shown when it differs. */
  readonly name: string;
  /** Backing disks with content made of the case's name: `{a}` in tables is the first, `{b}` the second … */
  readonly disks: readonly Disk[];
  /** From the bottom up; `{NAME}` in a later table is that mapped device. The last is the one under test. */
  readonly devices: readonly MappedSpec[];
  readonly steps: readonly Step[];
}

export interface Disk {
  /** At most {@link DISK_SECTORS}. */
  readonly sectors: number;
  /** Bytes; 512 if not given. */
  readonly blockSize?: 512 | 4096;
}

export interface MappedSpec {
  /** Letters and digits, at least two of them, so that no disk is called so. */
  readonly name: string;
  /** Table lines; loaded and resumed before the steps. Empty: the device has no table then. */
  readonly table: readonly string[];
  readonly readOnly?: boolean;
}

/** What is done to `device`, the last one if not given. Places and lengths are sectors. */
export type Step = { readonly device?: string } & (
  | { readonly do: 'read' | 'discard' | 'zeroes'; readonly sector: number; readonly sectors: number }
  | { readonly do: 'write'; readonly sector: number; readonly sectors: number; readonly fua?: boolean }
  | { readonly do: 'flush' }
  /** The answer is the message's text. */
  | { readonly do: 'message'; readonly sector: number; readonly words: string }
  /** The answer is the kernel's line for each target. */
  | { readonly do: 'status' | 'table' }
  /** The answer is what dmsetup's info shows: state, tables, open count, event number, targets, size. */
  | { readonly do: 'info' }
  /** The answer is the queue's limits. */
  | { readonly do: 'limits' }
  | { readonly do: 'load'; readonly table: readonly string[]; readonly readOnly?: boolean }
  /** `flush` false: as with `--noflush`. Of a resume: where an active device gets another table. */
  | { readonly do: 'suspend' | 'resume'; readonly flush?: boolean }
  | { readonly do: 'clear' }
);

/** Sectors of the disks that the bench has. */
export const DISK_SECTORS = 8192;
/** How many it has of each block size. */
export const DISKS = 6;
