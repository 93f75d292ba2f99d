import type { Socket } from 'node:net';
import { libc } from './ffi.ts';

/** Who connected, as the kernel recorded it at connect time (unix(7), SO_PEERCRED). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The process at the other end of a unix socket; undefined where it cannot be found out (no foreign
 * functions, socket already closed), in which case the socket file's mode is the only guard.
 */
export function peerCredentials(socket: Socket): PeerCredentials | undefined {
  const c = libc();
  const fd = socketDescriptor(socket);
  if (!c || fd === undefined) return undefined;
  const credentials = new Int32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  const bytes = new Uint8Array(credentials.buffer);
  if (c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, bytes, new Uint8Array(length.buffer)) !== 0) return undefined;
  const [pid = 0, uid = 0, gid = 0] = credentials;
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
}

/**
 * The descriptor of an open socket; undefined once it is closed. Node offers no public way to it; `fd` of the
 * handle has been there since 0.x.
 */
export function socketDescriptor(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

// asm-generic/socket.h; powerpc has its own number.
const SOL_SOCKET = 1;
const SO_PEERCRED = process.arch === 'ppc64' ? 21 : 17;
