import { readFile } from 'node:fs/promises';
import { libc, systemError } from './ffi.ts';

// sys/mount.h
export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MNT_FORCE = 1;
export const MNT_DETACH = 2;

/** A line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  /** The file system's device, `major:minor`. */
  readonly device: string;
  readonly mountPoint: string;
  /** With the subtype, if it has one: `fuse.sshfs`. */
  readonly type: string;
  readonly source: string;
}

/** All mounts that this process can see, the one mounted last at the end. */
export async function listMounts(path = '/proc/self/mountinfo'): Promise<Mount[]> {
  const text = await readFile(path, 'utf8');
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const [, , device, , mountPoint] = before?.split(' ') ?? [];
    const [type, source] = after?.split(' ') ?? [];
    if (device === undefined || mountPoint === undefined || type === undefined) return [];
    return [{ device, mountPoint: unescaped(mountPoint), type, source: unescaped(source ?? '') }];
  });
}

/** Spaces, tabs, line feeds and backslashes are octal numbers there. */
function unescaped(text: string): string {
  const bytes = Buffer.from(text).toString('latin1');
  const plain = bytes.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
  return Buffer.from(plain, 'latin1').toString();
}

/**
 * mount(2). For file systems whose mounting does not wait for this process.
 *
 * @throws the system error; ENOTSUP where there are no foreign functions
 */
export function mount(source: string, target: string, type: string, flags: number, data: string): void {
  const c = libc();
  if (!c) throw systemError('mount', ENOTSUP);
  const texts = [source, target, type, data].map(terminated);
  const [s, t, y, d] = texts.map((text) => c.address(text)) as [number, number, number, number];
  if (c.mount(s, t, y, flags, d) === 0) return;
  throw systemError('mount', c.errno());
}

/**
 * umount2(2), in the thread pool: it may write data back to devices that this process serves.
 *
 * @throws the system error; ENOTSUP where there are no foreign functions
 */
export async function unmount(target: string, flags = 0): Promise<void> {
  const c = libc();
  if (!c) throw systemError('umount2', ENOTSUP);
  const path = terminated(target);
  const result = await c.later('umount2', c.address(path), flags);
  if (result < 0) throw systemError('umount2', -result);
}

const ENOTSUP = 95;
/** Smaller buffers can be moved by the garbage collector. */
const STAYS = 128;

/** The text with a NUL behind it, in memory that does not move. */
function terminated(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const memory = Buffer.allocUnsafeSlow(Math.max(STAYS, length + 1)).fill(0);
  memory.write(text);
  return memory;
}
