/** What `dmsetup status` says of one target. */
export interface TargetStatus {
  /** Sectors. */
  readonly start: number;
  /** Sectors. */
  readonly length: number;
  readonly type: string;
  /** The target's runtime state; '' for most. */
  readonly info: string;
}

/** A line as `dmsetup status` prints it; the blank behind the type is there even when nothing follows. */
export function formatStatusLine(status: TargetStatus): string {
  return `${status.start} ${status.length} ${status.type} ${status.info}`;
}
