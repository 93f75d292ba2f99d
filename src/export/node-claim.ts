import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fromSystemError, TscryptError } from '../errors.ts';
import { type DeviceUser, describeUser, deviceUsers } from '../sys/index.ts';

/** A block device of the kernel that this process serves. */
export interface Node {
  /** `/dev/loop2` */
  readonly path: string;
  readonly numbers: { readonly major: number; readonly minor: number };
  readonly readOnly: boolean;
}

/**
 * Opens a block device for its server alone (open(2), O_EXCL), before it is taken away: while it is open no file
 * system can be mounted from it. All happens in the thread pool, since the kernel may want to read or write through
 * the event loop of this very process meanwhile.
 *
 * @throws TscryptError DEVICE_BUSY when it is mounted, part of another device, or open in another process
 */
export async function claimNode(node: Node): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(node.path, flags(node));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') throw busy(node, await deviceUsers(node.numbers));
    throw fromSystemError(error, `Cannot open ${node.path}`, { device: node.path });
  }
  // Who merely has it open claims nothing, and would lose what he has not written yet.
  const users = await deviceUsers(node.numbers);
  if (users.length === 0) return handle;
  await handle.close();
  throw busy(node, users);
}

/**
 * Whether somebody has the device open. Opening and closing it here waits for nothing: with no other user there is
 * nothing in the kernel's cache to write, and with one this is not the last to close it.
 */
export async function isNodeUsed(node: Node): Promise<boolean> {
  if ((await deviceUsers(node.numbers)).length > 0) return true;
  try {
    const handle = await open(node.path, flags(node));
    await handle.close();
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return true;
    throw fromSystemError(error, `Cannot open ${node.path}`, { device: node.path });
  }
}

function flags({ readOnly }: Node): number {
  return (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_EXCL;
}

function busy(node: Node, users: readonly DeviceUser[]): TscryptError {
  const names = users.map(describeUser);
  const said = names.length > 0 ? ` (${names.join(', ')})` : '';
  return new TscryptError('DEVICE_BUSY', `${node.path} is in use${said}.`, {
    details: { device: node.path, users: names },
  });
}
