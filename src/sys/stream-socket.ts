import type { Socket } from 'node:net';
import { addressOf } from './address.ts';
import { type Libc, libc, type PollHandle } from './ffi.ts';
import type { Message } from './message.ts';
import { socketDescriptor } from './peer.ts';

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const FIONREAD = process.arch === 'ppc64' ? 0x4004_667f : 0x541b;
const SHUT_RDWR = 2;
const F_DUPFD_CLOEXEC = 1030;
const EINTR = 4;
const EAGAIN = 11;

/** What {@link StreamSocket}'s calls return instead of a number of bytes. */
export const WOULD_WAIT = -1;
export const BROKEN = -2;

/**
 * A connected stream socket of which we have the descriptor: calls that never wait, and a watch by the event loop for
 * when they would have to. The descriptor stays its owner's, who keeps it open until after `close`.
 */
export class StreamSocket {
  readonly fd: number;
  readonly #c: Libc;
  readonly #wake: () => void;
  /** Where the kernel answers; as long as this, it does not move. */
  readonly #answer = new Int32Array(Buffer.allocUnsafeSlow(128).buffer);
  readonly #answerAddress = addressOf(new Uint8Array(this.#answer.buffer));
  #poll: PollHandle | undefined;
  #readable = false;
  #writable = false;

  /**
   * @param wake called from the event loop's poll, where microtasks may not run, for what is being watched for; also
   *   when the socket broke
   */
  constructor(c: Libc, fd: number, wake: () => void) {
    this.#c = c;
    this.fd = fd;
    this.#wake = wake;
  }

  /** @returns undefined without foreign functions */
  static over(fd: number, wake: () => void): StreamSocket | undefined {
    const c = libc();
    return c && new StreamSocket(c, fd, wake);
  }

  /** Bytes received; 0 at the end; {@link WOULD_WAIT}; {@link BROKEN}. */
  receive(address: number, length: number): number {
    for (;;) {
      const result = this.#c.recv(this.fd, address, length, MSG_DONTWAIT);
      if (result >= 0) return result;
      const failure = this.#failure();
      if (failure !== 0) return failure;
    }
  }

  /** The same, scattered. */
  receiveMessage(message: Message): number {
    for (;;) {
      const result = this.#c.recvmsg(this.fd, message.address, MSG_DONTWAIT);
      if (result >= 0) return result;
      const failure = this.#failure();
      if (failure !== 0) return failure;
    }
  }

  /** Bytes sent of what the message has left; {@link WOULD_WAIT}; {@link BROKEN}. */
  sendMessage(message: Message): number {
    for (;;) {
      const result = this.#c.sendmsg(this.fd, message.address, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (result >= 0) return result;
      const failure = this.#failure();
      if (failure !== 0) return failure;
    }
  }

  /** Bytes that can be received at once. */
  waiting(): number {
    const failed = this.#c.ioctl(this.fd, FIONREAD, this.#answerAddress) < 0;
    return failed ? 0 : (this.#answer[0] as number);
  }

  /** Says what to be woken for. Level triggered: what is watched for must be used up, or no longer watched for. */
  watch(readable: boolean, writable: boolean): void {
    if (readable === this.#readable && writable === this.#writable) return;
    this.#readable = readable;
    this.#writable = writable;
    if (!readable && !writable) this.#poll?.stop();
    else if (this.#poll) this.#poll.start({ readable, writable }, this.#woken);
    else this.#poll = this.#c.poll(this.fd, { readable, writable }, this.#woken);
  }

  /** Ends the connection for all who have it. */
  abort(): void {
    this.#c.shutdown(this.fd, SHUT_RDWR);
  }

  /** Watches no more. */
  close(): void {
    this.#readable = false;
    this.#writable = false;
    this.#poll?.close();
    this.#poll = undefined;
  }

  readonly #woken = (): void => {
    this.#wake();
  };

  /** 0: try again. */
  #failure(): number {
    const errno = this.#c.errno();
    if (errno === EINTR) return 0;
    return errno === EAGAIN ? WOULD_WAIT : BROKEN;
  }
}

/**
 * Another descriptor of a connection, which is the caller's to close; the socket is destroyed, the connection is not.
 * What the socket had received is lost, what it had not sent as well.
 *
 * @returns undefined, and nothing happened, without foreign functions or when the socket is closed
 */
export function detachDescriptor(socket: Socket): number | undefined {
  const fd = socketDescriptor(socket);
  if (fd === undefined) return undefined;
  const own = libc()?.fcntlInt(fd, F_DUPFD_CLOEXEC, 0) ?? -1;
  if (own < 0) return undefined;
  socket.destroy();
  return own;
}
