import { addressOf } from './address.ts';
import { libc, systemError } from './ffi.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2_000_000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const ENOTSUP = 95;
const EPROTO = 71;

/**
 * A pair of connected unix stream sockets (socketpair(2)), not inherited by programs that are started.
 *
 * @throws the system error; ENOTSUP where there are no foreign functions
 */
export function socketPair(): [number, number] {
  const c = libc();
  if (!c) throw systemError('socketpair', ENOTSUP);
  const memory = Buffer.allocUnsafeSlow(128);
  if (c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, addressOf(memory)) === -1) {
    throw systemError('socketpair', c.errno());
  }
  return [memory.readInt32LE(0), memory.readInt32LE(4)];
}

// struct msghdr, an iovec for one byte, and a struct cmsghdr with one descriptor, of the 64-bit ABIs (recvmsg(2)).
const HEADER_SIZE = 56;
const IOVEC_AT = HEADER_SIZE;
const BYTE_AT = IOVEC_AT + 16;
const CONTROL_AT = BYTE_AT + 8;
const CONTROL_SIZE = 24;

/**
 * The descriptor that the other side of a unix socket has sent with one byte (unix(7), SCM_RIGHTS). Does not wait for
 * it.
 *
 * @throws the system error: EAGAIN when nothing has come, EPROTO when no descriptor came with it
 */
export function receivedDescriptor(socket: number): number {
  const c = libc();
  if (!c) throw systemError('recvmsg', ENOTSUP);
  const memory = Buffer.allocUnsafeSlow(256).fill(0);
  const address = addressOf(memory);
  const put = (at: number, value: number): void => {
    memory.writeBigUInt64LE(BigInt(value), at);
  };
  put(16, address + IOVEC_AT);
  put(24, 1);
  put(32, address + CONTROL_AT);
  put(40, CONTROL_SIZE);
  put(IOVEC_AT, address + BYTE_AT);
  put(IOVEC_AT + 8, 1);
  const count = c.recvmsg(socket, address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count === -1) throw systemError('recvmsg', c.errno());
  const isRights =
    memory.readUInt32LE(CONTROL_AT + 8) === SOL_SOCKET && memory.readUInt32LE(CONTROL_AT + 12) === SCM_RIGHTS;
  if (count === 0 || !isRights) throw systemError('recvmsg', EPROTO);
  return memory.readInt32LE(CONTROL_AT + 16);
}
