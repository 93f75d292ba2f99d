import { readFile, writeFile } from 'node:fs/promises';
import { TscryptError } from '../../errors.ts';
import { callGenericNetlink, netlinkNest, netlinkString, netlinkU32, netlinkU64 } from '../../sys/index.ts';

/** The commands of the kernel's NBD client (linux/nbd-netlink.h). */
const FAMILY = 'nbd';

// NBD_CMD_*
const CONNECT = 1;
const DISCONNECT = 2;
const RECONFIGURE = 3;
const STATUS = 5;

// NBD_ATTR_*
const INDEX = 1;
const SIZE_BYTES = 2;
const BLOCK_SIZE_BYTES = 3;
const TIMEOUT = 4;
const SERVER_FLAGS = 5;
const SOCKETS = 7;
const DEAD_CONN_TIMEOUT = 8;
const BACKEND_IDENTIFIER = 10;
// NBD_SOCK_ITEM, NBD_SOCK_FD
const SOCKET_ITEM = 1;
const SOCKET_FD = 1;

/**
 * Seconds for which users of a device wait for a server when there is none: a week. Whoever gives a device up before
 * that removes it.
 */
const WITHOUT_SERVER = 7 * 24 * 3600;

export interface ConnectOptions {
  /** The kernel's end of a pair of sockets. */
  readonly socket: number;
  /** Bytes. */
  readonly size: number;
  readonly blockSize: number;
  /** Transmission flags of the NBD protocol. */
  readonly flags: number;
  /** Has to be given again with every later command. */
  readonly identifier: string;
}

/**
 * Makes a free device of the kernel a client on a socket.
 *
 * A server that dies is waited for. With one connection and no TIMEOUT the kernel never cuts a connection because a
 * request takes long (the device may be suspended), and still sends what a dead server left unanswered to its
 * successor, at the next turn of the timer that {@link setResendInterval} sets. With more connections it would cut them,
 * and make a request again while the first one is still under way.
 *
 * @returns the device's index
 * @throws the system error
 */
export async function connect(options: ConnectOptions): Promise<number> {
  const [answer] = await callGenericNetlink(FAMILY, CONNECT, [
    netlinkU64(SIZE_BYTES, options.size),
    netlinkU64(BLOCK_SIZE_BYTES, options.blockSize),
    netlinkU64(TIMEOUT, 0),
    netlinkU64(SERVER_FLAGS, options.flags),
    sockets(options.socket),
    netlinkU64(DEAD_CONN_TIMEOUT, WITHOUT_SERVER),
    netlinkString(BACKEND_IDENTIFIER, options.identifier),
  ]);
  const index = answer?.get(INDEX)?.readUInt32LE();
  if (index === undefined) {
    throw new TscryptError('INTERNAL', 'The kernel did not say which NBD device it has connected.');
  }
  return index;
}

/**
 * Gives a device another socket in the place of one that is dead, or another size. A socket that the device has no
 * place for is silently dropped: the other end is closed then.
 *
 * @throws the system error; EINVAL when the device is not connected, or to another identifier
 */
export async function reconfigure(
  index: number,
  identifier: string,
  change: { readonly socket: number } | { readonly size: number },
): Promise<void> {
  await callGenericNetlink(FAMILY, RECONFIGURE, [
    netlinkU32(INDEX, index),
    'socket' in change ? sockets(change.socket) : netlinkU64(SIZE_BYTES, change.size),
    netlinkString(BACKEND_IDENTIFIER, identifier),
  ]);
}

/** Takes the device from its users: requests that are not answered fail. It asks nobody and flushes nothing. */
export async function disconnect(index: number): Promise<void> {
  await callGenericNetlink(FAMILY, DISCONNECT, [netlinkU32(INDEX, index)]);
}

/** @throws the system error: ENOENT where the kernel has no NBD client */
export async function probe(): Promise<void> {
  await callGenericNetlink(FAMILY, STATUS, []);
}

/**
 * How soon requests that a dead server left unanswered are sent to its successor, milliseconds. On a live connection
 * nothing happens at that time but a line in the kernel's log.
 *
 * Only for a device that is not used yet: the kernel waits for the requests under way, and a server that died while
 * one of its threads waits for that would never let go of the connection on which they depend.
 */
export async function setResendInterval(index: number, interval: number): Promise<void> {
  await writeFile(`/sys/block/nbd${index}/queue/io_timeout`, String(interval));
}

/** The largest request, bytes. Under the same condition. */
export async function setLargestRequest(index: number, size: number): Promise<void> {
  await writeFile(`/sys/block/nbd${index}/queue/max_sectors_kb`, String(Math.floor(size / 1024)));
}

/** Whether the device is connected, and to this server. */
export async function isConnected(index: number, identifier: string): Promise<boolean> {
  const [size, pid, backend] = await Promise.all([
    sysfs(index, 'size'),
    sysfs(index, 'pid'),
    sysfs(index, 'backend'),
  ]);
  if (size === undefined || (size === '0' && pid === undefined)) return false;
  // Kernels before 5.14 do not say.
  return backend === undefined ? pid !== undefined : backend === identifier;
}

function sockets(fd: number): Buffer {
  return netlinkNest(SOCKETS, [netlinkNest(SOCKET_ITEM, [netlinkU32(SOCKET_FD, fd)])]);
}

async function sysfs(index: number, name: string): Promise<string | undefined> {
  const text = await readFile(`/sys/block/nbd${index}/${name}`, 'utf8').catch(() => undefined);
  return text?.trim();
}
