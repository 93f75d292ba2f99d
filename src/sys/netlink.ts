import { addressOf } from './address.ts';
import { type Libc, libc, systemError } from './ffi.ts';

/**
 * Generic netlink (netlink(7); Documentation/networking/generic_netlink.rst, linux/genetlink.h): commands to a part of
 * the kernel that is found by its name, with attributes as parameters. Little-endian, as the machines are on which
 * foreign functions work here.
 */

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2_000_000;
const NETLINK_GENERIC = 16;
const MSG_DONTWAIT = 0x40;

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

// struct nlmsghdr and struct genlmsghdr; an attribute is a length and a type, then its value.
const HEADER_SIZE = 16;
const GENERIC_HEADER_SIZE = 4;
const ATTRIBUTE_HEADER_SIZE = 4;

// The family that knows the others.
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;

const VERSION = 1;
const SEQUENCE = 1;
const RECEIVE_SIZE = 64 * 1024;
const ENOTSUP = 95;

/** A parameter of a command, encoded. */
export type NetlinkAttribute = Buffer;
/** What a message says, by the attributes' types; nested ones are to be taken apart by {@link netlinkAttributes}. */
export type NetlinkValues = ReadonlyMap<number, Buffer>;

function netlinkBytes(type: number, value: Uint8Array): NetlinkAttribute {
  const length = ATTRIBUTE_HEADER_SIZE + value.length;
  const bytes = Buffer.alloc(align(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, ATTRIBUTE_HEADER_SIZE);
  return bytes;
}

export function netlinkU32(type: number, value: number): NetlinkAttribute {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return netlinkBytes(type, bytes);
}

export function netlinkU64(type: number, value: number): NetlinkAttribute {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return netlinkBytes(type, bytes);
}

export function netlinkString(type: number, text: string): NetlinkAttribute {
  return netlinkBytes(type, Buffer.from(`${text}\0`));
}

export function netlinkNest(type: number, inner: readonly NetlinkAttribute[]): NetlinkAttribute {
  return netlinkBytes(type | NLA_F_NESTED, Buffer.concat(inner));
}

/** The attributes in a message or a nested attribute; of several with one type the last. */
export function netlinkAttributes(bytes: Buffer): NetlinkValues {
  const values = new Map<number, Buffer>();
  let at = 0;
  while (at + ATTRIBUTE_HEADER_SIZE <= bytes.length) {
    const length = bytes.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_SIZE || at + length > bytes.length) break;
    const type = bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK;
    values.set(type, bytes.subarray(at + ATTRIBUTE_HEADER_SIZE, at + length));
    at += align(length);
  }
  return values;
}

/**
 * Gives a command to a family and waits until it is carried out, in the thread pool: the kernel does that within the
 * call, and may wait for what this process serves.
 *
 * @returns the answers before the acknowledgement
 * @throws the system error that the kernel answered with; ENOENT when there is no such family, ENOTSUP where there are
 *   no foreign functions
 */
export async function callGenericNetlink(
  family: string,
  command: number,
  attributes: readonly NetlinkAttribute[],
): Promise<NetlinkValues[]> {
  const c = libc();
  if (!c) throw systemError('netlink', ENOTSUP);
  const fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
  if (fd === -1) throw systemError('socket(AF_NETLINK)', c.errno());
  try {
    // A socket that was never bound gets its address with the first message.
    const [found] = await call(c, fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, [
      netlinkString(CTRL_ATTR_FAMILY_NAME, family),
    ]);
    const id = found?.get(CTRL_ATTR_FAMILY_ID)?.readUInt16LE();
    if (id === undefined) throw systemError('netlink', 2);
    return await call(c, fd, id, command, attributes);
  } finally {
    c.close(fd);
  }
}

async function call(
  c: Libc,
  fd: number,
  family: number,
  command: number,
  attributes: readonly NetlinkAttribute[],
): Promise<NetlinkValues[]> {
  const message = encoded(family, command, Buffer.concat(attributes));
  const length = message.readUInt32LE(0);
  const sent = await c.later('send', fd, addressOf(message), length, 0);
  if (sent < 0) throw systemError('send(AF_NETLINK)', -sent);
  const answers: NetlinkValues[] = [];
  const room = Buffer.allocUnsafeSlow(RECEIVE_SIZE);
  for (;;) {
    // All of it is there: the kernel answered while it was sent to.
    const count = c.recv(fd, addressOf(room), room.length, MSG_DONTWAIT);
    if (count === -1) throw systemError('recv(AF_NETLINK)', c.errno());
    for (let at = 0; at + HEADER_SIZE <= count; at += align(room.readUInt32LE(at))) {
      const size = room.readUInt32LE(at);
      if (size < HEADER_SIZE || at + size > count) throw systemError('netlink', 71);
      if (room.readUInt32LE(at + 8) !== SEQUENCE) continue;
      if (room.readUInt16LE(at + 4) === NLMSG_ERROR) {
        const error = room.readInt32LE(at + HEADER_SIZE);
        if (error < 0) throw systemError('netlink', -error);
        return answers;
      }
      const body = room.subarray(at + HEADER_SIZE + GENERIC_HEADER_SIZE, at + size);
      answers.push(netlinkAttributes(Buffer.from(body)));
    }
  }
}

function encoded(family: number, command: number, body: Buffer): Buffer {
  const start = HEADER_SIZE + GENERIC_HEADER_SIZE;
  const length = start + body.length;
  // Smaller memory could be moved by the garbage collector.
  const message = Buffer.allocUnsafeSlow(Math.max(128, length)).fill(0);
  message.writeUInt32LE(length, 0);
  message.writeUInt16LE(family, 4);
  message.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK, 6);
  message.writeUInt32LE(SEQUENCE, 8);
  message[HEADER_SIZE] = command;
  message[HEADER_SIZE + 1] = VERSION;
  message.set(body, start);
  return message;
}

function align(length: number): number {
  return (length + 3) & ~3;
}
