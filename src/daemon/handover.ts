import { readSync } from 'node:fs';
import { encodeFrame, FrameReader, malformedFrame } from './frames.ts';
import type { SuccessionOrder } from './registration.ts';
import type { ActivationRequest } from './request.ts';

/**
 * What a launcher gives the daemon it starts: one frame over a socket pair that only these two hold.
 */
export interface Handover {
  readonly request: ActivationRequest;
  /** The runtime directory, and the prepared directory in it that becomes the device's. */
  readonly root: string;
  readonly staging: string;
  /** What relative paths in the table are relative to. */
  readonly workingDirectory: string;
}

/** The pieces to send, in order; the secrets' are their live bytes. */
export function encodeHandover(handover: Handover): Uint8Array[] {
  return encodeFrame(handover);
}

/** What a daemon is to do: of a launcher, or of the supervisor. */
export function receiveHandover(fd: number): Handover | SuccessionOrder {
  return receiveFrame(fd) as Handover | SuccessionOrder;
}

/**
 * Reads a frame from the inherited descriptor, waiting for it; the process has nothing else to do yet.
 *
 * @throws TscryptError PROTOCOL_ERROR when the launcher went away or sent something else
 */
export function receiveFrame(fd: number): unknown {
  const reader = new FrameReader();
  for (let room = reader.room; room; room = reader.room) {
    const count = readSync(fd, room, 0, room.length, null);
    if (count === 0) {
      reader.dispose();
      throw malformedFrame();
    }
    reader.filled(count);
  }
  return reader.value;
}
