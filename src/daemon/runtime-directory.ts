import { chmodSync, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fromSystemError, TscryptError } from '../errors.ts';

/** Longest path of a unix socket (unix(7): sun_path holds 108 bytes with its NUL). */
const LONGEST_SOCKET_PATH = 107;

/** The files of one device, in the directory of its name. */
export interface DevicePaths {
  readonly directory: string;
  readonly controlSocket: string;
  readonly secretsSocket: string;
  readonly nbdSocket: string;
  readonly state: string;
  readonly log: string;
}

/**
 * Where the daemons of this user live: `TSCRYPT_RUNTIME_DIR`, else /run/tscrypt for root, else
 * `$XDG_RUNTIME_DIR/tscrypt`, else /tmp/tscrypt-UID.
 */
export function runtimeDirectory(): string {
  const { TSCRYPT_RUNTIME_DIR: given, XDG_RUNTIME_DIR: xdg } = process.env;
  if (given) return given;
  const uid = userId();
  if (uid === 0) return '/run/tscrypt';
  // The variable may be left over from another user (su, sudo).
  if (xdg && isAbsolute(xdg) && stats(xdg)?.uid === uid) return join(xdg, 'tscrypt');
  return `/tmp/tscrypt-${uid}`;
}

/**
 * The runtime directory, made if missing, and made sure to be this user's alone: in /tmp somebody
 * else may have been first.
 *
 * @throws TscryptError PERMISSION_DENIED when it is another's or open to others
 */
export function ensureRuntimeDirectory(): string {
  const path = runtimeDirectory();
  try {
    // An existing directory is left as it is, and judged below.
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fromSystemError(error, `Cannot create the runtime directory ${path}`, { path });
  }
  const found = stats(path);
  checkOurs(path, found);
  // Names are nobody else's business; a directory that the user chose stays as it is.
  if (!process.env.TSCRYPT_RUNTIME_DIR && (found.mode & 0o055) !== 0) chmodSync(path, 0o700);
  return path;
}

/**
 * The runtime directory, if there is one. Whoever else could write to it could have sockets of his own
 * asked, and have files anywhere removed as what a dead daemon left.
 *
 * @throws TscryptError PERMISSION_DENIED when it is another's or open to others
 */
export function existingRuntimeDirectory(): string | undefined {
  const path = runtimeDirectory();
  const found = stats(path);
  if (!found) return undefined;
  checkOurs(path, found);
  return path;
}

function checkOurs(path: string, found: Stats | undefined): asserts found is Stats {
  if (!found?.isDirectory() || found.uid !== userId()) throw notOurs(path, 'it belongs to another user');
  if ((found.mode & 0o022) !== 0) throw notOurs(path, 'other users can write to it');
}

/** Where the device's files are; the name must have been checked. */
export function devicePaths(root: string, name: string): DevicePaths {
  const directory = join(root, name);
  return {
    directory,
    controlSocket: join(directory, 'control.sock'),
    secretsSocket: join(directory, 'secrets.sock'),
    nbdSocket: join(directory, 'nbd.sock'),
    state: join(directory, 'state.json'),
    log: join(directory, 'log'),
  };
}

/** @throws TscryptError INVALID_ARGUMENT when no unix socket can be made or reached there */
export function checkSocketPaths(paths: DevicePaths): void {
  const path = paths.controlSocket;
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH)
    throw new TscryptError('INVALID_ARGUMENT', `The socket path ${path} is too long.`, {
      details: { path, expected: LONGEST_SOCKET_PATH, found: Buffer.byteLength(path) },
      hint: 'Choose a shorter name, or a shorter directory with TSCRYPT_RUNTIME_DIR.',
    });
}

function notOurs(path: string, why: string): TscryptError {
  return new TscryptError('PERMISSION_DENIED', `Will not use the runtime directory ${path}: ${why}.`, {
    details: { path },
    hint: 'Name another one with TSCRYPT_RUNTIME_DIR or XDG_RUNTIME_DIR.',
  });
}

function userId(): number {
  return process.geteuid?.() ?? 0;
}

function stats(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
