import type { Secret } from '../crypto/secret.ts';

/**
 * A device-mapper table as plain data: what formats produce and the dm core runs. Printed, it is the
 * text the kernel takes (`0 65536 crypt aes-xts-plain64 …`).
 */
export type TableSpec = readonly TableLine[];

export interface TableLine {
  /** First sector of the mapped device that this line covers. */
  readonly start: number;
  /** Sectors covered. */
  readonly length: number;
  /** Target type, for example `crypt`. */
  readonly type: string;
  readonly args: readonly TableArg[];
}

/**
 * One word of a line. Key material is a {@link Secret}, never text; printing shows it as zeroes of the
 * same length (as dmsetup does) unless keys were asked for.
 */
export type TableArg = string | Secret;
