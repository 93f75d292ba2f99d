/** A file, or, without content, a directory. */
export interface CpioEntry {
  readonly name: string;
  readonly content?: Uint8Array;
  /** Permission bits; default 0644, for directories 0755. */
  readonly mode?: number;
}

/**
 * An archive in the "new ASCII" cpio format, as the kernel takes for an initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Archives may be concatenated.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const trailer = member({ name: 'TRAILER!!!', content: new Uint8Array() }, 0);
  return Buffer.concat([...entries.map((entry, index) => member(entry, index + 1)), trailer]);
}

function member(entry: CpioEntry, inode: number): Buffer {
  const { name, content } = entry;
  const kind = content === undefined ? 0o040000 : 0o100000;
  const mode = entry.mode ?? (content === undefined ? 0o755 : 0o644);
  const data = content ?? new Uint8Array();
  const fields = [
    ...[inode, kind | mode, 0, 0, content === undefined ? 2 : 1, 0],
    ...[data.length, 0, 0, 0, 0, name.length + 1, 0],
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.from(`${header}${name}\0`)), padded(data)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, new Uint8Array(-bytes.length & 3)]);
}
