import { spawn } from 'node:child_process';
import { closeSync, constants } from 'node:fs';
import { access, mkdir, rmdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fromSystemError, TscryptError } from '../../errors.ts';
import {
  CAP_SYS_ADMIN,
  hasCapability,
  listMounts,
  MNT_DETACH,
  MNT_FORCE,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  mount,
  receivedDescriptor,
  setNonBlocking,
  socketPair,
  unmount,
} from '../../sys/index.ts';
import { FuseSession, MAX_TRANSFER } from './session.ts';

const SUBTYPE = 'tscrypt';
const TYPE = `fuse.${SUBTYPE}`;
const HELPER = 'fusermount3';
const SEARCH_PATH = ['/usr/local/bin', '/usr/bin', '/bin'];

/** Mounts by itself, or has to ask the setuid helper. */
export function mountsItself(): boolean {
  return hasCapability(CAP_SYS_ADMIN);
}

/** The setuid program that mounts for users, if it is installed. */
export async function findHelper(): Promise<string | undefined> {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...SEARCH_PATH];
  for (const directory of directories.filter((name) => name.startsWith('/'))) {
    const path = join(directory, HELPER);
    if (await access(path, constants.X_OK).then(yes, no)) return path;
  }
  return undefined;
}

/** A FUSE file system in the table of mounts, told apart from all others by its source. */
export class MountPoint {
  /** What the mount is made from: unique, so that it is found wherever its directory is moved to. */
  readonly source: string;
  readonly #helper: string | undefined;

  constructor(identifier: string, helper?: string) {
    this.source = `tscrypt:${identifier}`;
    this.#helper = helper;
  }

  /**
   * Mounts a new file system.
   *
   * @param directory made if it is not there
   * @param serve is given /dev/fuse, open for the file system; with the kernel's own mount(2) before it is mounted
   * @throws TscryptError PERMISSION_DENIED, and what mount(2) said
   */
  async mount(
    directory: string,
    readOnly: boolean,
    serve: (fd: number) => FuseSession,
  ): Promise<FuseSession> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (this.#helper !== undefined) {
      return serve(await this.#mountByHelper(this.#helper, directory, readOnly));
    }
    const session = serve(FuseSession.open());
    const options = [
      ...[`fd=${session.fd}`, 'rootmode=40000', 'default_permissions', `max_read=${MAX_TRANSFER}`],
      ...[`user_id=${process.getuid?.() ?? 0}`, `group_id=${process.getgid?.() ?? 0}`],
    ];
    const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (readOnly ? MS_RDONLY : 0);
    try {
      mount(this.source, directory, TYPE, flags, options.join(','));
      return session;
    } catch (error) {
      await session.close();
      throw fromSystemError(error, `Cannot mount ${directory}`, { directory });
    }
  }

  /** Where it is mounted now; undefined: nowhere. */
  async find(): Promise<string | undefined> {
    const mounts = await listMounts();
    return mounts.findLast(({ type, source }) => type === TYPE && source === this.source)?.mountPoint;
  }

  /**
   * Unmounts it, if it is mounted, and removes its directory.
   *
   * @param abort ends the connection with whoever serves it, and takes the mount away from whoever is using it
   * @throws TscryptError DEVICE_BUSY unless `abort`
   */
  async unmount(abort: boolean): Promise<void> {
    for (let directory = await this.find(); directory !== undefined; directory = await this.find()) {
      try {
        if (this.#helper !== undefined) await run(this.#helper, ['-u', ...(abort ? ['-z'] : []), directory]);
        else await unmount(directory, abort ? MNT_FORCE | MNT_DETACH : 0);
      } catch (error) {
        throw fromSystemError(error, `Cannot unmount ${directory}`, { directory });
      }
      await rmdir(directory).catch(() => {});
    }
  }

  /** fusermount3(1): it mounts, and sends /dev/fuse back over a socket that it inherits. */
  async #mountByHelper(helper: string, directory: string, readOnly: boolean): Promise<number> {
    const [ours, theirs] = socketPair();
    try {
      const options = [
        ...[`fsname=${this.source}`, `subtype=${SUBTYPE}`, 'nosuid', 'nodev', 'noexec'],
        ...['default_permissions', `max_read=${MAX_TRANSFER}`, ...(readOnly ? ['ro'] : [])],
      ];
      await run(helper, ['-o', options.join(','), '--', directory], theirs);
      const fd = receivedDescriptor(ours);
      setNonBlocking(fd);
      return fd;
    } catch (error) {
      throw fromSystemError(error, `Cannot mount ${directory}`, { directory });
    } finally {
      closeSync(ours);
      closeSync(theirs);
    }
  }
}

/** @param socket becomes the program's descriptor 3, which `_FUSE_COMMFD` names */
async function run(program: string, args: readonly string[], socket?: number): Promise<void> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe', ...(socket === undefined ? [] : [socket])],
    env: { ...process.env, _FUSE_COMMFD: '3', LC_ALL: 'C' },
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (status === 0) return;
  throw new TscryptError(
    /busy/i.test(said) ? 'DEVICE_BUSY' : 'PERMISSION_DENIED',
    said.trim() || `${program} ended with status ${status}.`,
    { details: { program, status } },
  );
}

const yes = (): boolean => true;
const no = (): boolean => false;
