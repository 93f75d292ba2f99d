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
  // Node offers no public way to a socket's descriptor; `fd` of the pipe handle has been there since 0.x.
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (!c || fd === undefined || fd < 0) return undefined;
  const credentials = new Int32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  const bytes = new Uint8Array(credentials.buffer);
  if (c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, bytes, new Uint8Array(length.buffer)) !== 0) return undefined;
  const [pid = 0, uid = 0, gid = 0] = credentials;
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
}

// asm-generic/socket.h; powerpc has its own number.
const SOL_SOCKET = 1;
const SO_PEERCRED = process.arch === 'ppc64' ? 21 : 17;
