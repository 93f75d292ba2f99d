import { chmod, link, lstat, mkdtemp, rm, stat, unlink } from 'node:fs/promises';
import net from 'node:net';
import { basename, dirname, join } from 'node:path';
import { fromSystemError, TscryptError } from '../errors.ts';

/** sockaddr_un.sun_path without its final NUL (unix(7)). */
const MAX_PATH = 107;

/** A unix socket being listened on. */
export interface UnixListener {
  /** Removes the socket from the file system, unless somebody put another one there. */
  unlink(): Promise<void>;
}

/**
 * Listens on a unix socket that only its owner can connect to, from the first instant: it is bound inside a
 * directory nobody else can enter, and appears at `path` with its mode already set.
 *
 * @throws TscryptError DEVICE_BUSY when a live server has the path, DEVICE_EXISTS when something else has it,
 *   INVALID_ARGUMENT when the path is too long, NO_SUCH_DEVICE, PERMISSION_DENIED
 */
export async function listenOnUnixSocket(server: net.Server, path: string): Promise<UnixListener> {
  if (Buffer.byteLength(path) > MAX_PATH) throw tooLong(path);
  await removeStale(path);
  let hidden: string | undefined;
  try {
    hidden = await mkdtemp(`${dirname(path)}/.`);
    const bound = join(hidden, 's');
    if (Buffer.byteLength(bound) > MAX_PATH) throw tooLong(path);
    await listen(server, bound);
    await chmod(bound, 0o600);
    // Unlike rename, link does not replace what another server has put there in the meantime.
    await link(bound, path);
    const { dev, ino } = await stat(path);
    return { unlink: () => unlinkSame(path, dev, ino) };
  } catch (error) {
    server.close();
    throw fromSystemError(error, `Cannot listen on ${basename(path)} in ${dirname(path)}`, { socket: path });
  } finally {
    if (hidden) await rm(hidden, { recursive: true, force: true });
  }
}

function listen(server: net.Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Removes a socket that nobody listens on any more. */
async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats) return;
  if (!stats.isSocket()) {
    throw new TscryptError('DEVICE_EXISTS', `${path} exists and is no socket.`, {
      details: { socket: path },
    });
  }
  if (await isLive(path)) {
    throw new TscryptError('DEVICE_BUSY', `Another server listens on ${path}.`, {
      details: { socket: path },
    });
  }
  await unlinkSame(path, stats.dev, stats.ino);
}

function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}

async function unlinkSame(path: string, dev: number, ino: number): Promise<void> {
  const now = await lstat(path).catch(() => undefined);
  if (now?.dev === dev && now.ino === ino) await unlink(path).catch(() => {});
}

function tooLong(path: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `The path of the socket ${path} is too long.`, {
    errno: 'ENAMETOOLONG',
    details: { socket: path, maximum: MAX_PATH },
  });
}
