import { TscryptError } from '../../../errors.ts';
import { libc } from '../../../sys/ffi.ts';
import type { QueueJob } from '../../queue-threads.ts';
import type { RuleOptions } from '../request-rules.ts';
import type { Sharing } from './roles.ts';
import { SocketTransmission } from './transmission.ts';

/** Parameters of the job `nbd`. */
export interface NbdConnectionParameters extends RuleOptions {
  /**
   * A connected stream socket on which transmission has begun; it is made non-blocking. It stays the caller's, who
   * keeps it open until `ended` has settled, and closes it then.
   */
  readonly fd: number;
  /** Bytes that were received behind the handshake; with `sharing`, they are in the memory shared. */
  readonly received?: Uint8Array;
  /** Several threads serve the connection, each by a job of its own: {@link serveNbdConnectionInThreads}. */
  readonly sharing?: Sharing;
}

/**
 * Serves the transmission phase of one NBD connection in this thread, until the client disconnects or `stop`.
 * Without structured replies that is what the kernel's client speaks.
 *
 * @throws TscryptError NOT_SUPPORTED without foreign functions
 */
export const serveNbdConnection: QueueJob<NbdConnectionParameters> = async (device, parameters) => {
  const c = libc();
  if (!c) {
    throw new TscryptError('NOT_SUPPORTED', 'Serving a descriptor needs foreign functions.', {
      hint: 'Install tscrypt with its optional packages, and without TSCRYPT_NO_FFI in the environment.',
    });
  }
  const transmission = new SocketTransmission(c, device, parameters);
  return {
    ended: transmission.ended,
    stop: async () => {
      transmission.drain();
      await transmission.ended.catch(() => {});
    },
    counters: async () => transmission.counters.snapshot(),
  };
};
