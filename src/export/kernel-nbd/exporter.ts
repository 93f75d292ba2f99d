import { open, stat } from 'node:fs/promises';
import type { BlockDevice } from '../../block/device.ts';
import { NBD_MAX_PAYLOAD } from '../../block/nbd/protocol.ts';
import { fromSystemError, TscryptError } from '../../errors.ts';
import { CAP_SYS_ADMIN, deviceNumbers, ffiAvailable, hasCapability, markIoFlusher } from '../../sys/index.ts';
import type {
  AttachOptions,
  Availability,
  KernelExport,
  KernelExporter,
  KernelExportState,
} from '../kernel-export.ts';
import { transmissionFlags } from '../nbd/export.ts';
import { maximumBlockSize } from '../nbd/request-rules.ts';
import type { Node } from '../node-claim.ts';
import { ServedConnection } from './connection.ts';
import * as control from './control.ts';
import { lost, NbdDeviceExport, unmountAll } from './nbd-export.ts';

/** The largest logical block that the kernel's client takes on every machine: a page. */
const BLOCK_MAX = 4096;

/** See {@link control.setResendInterval}. Milliseconds. */
const RESEND_INTERVAL = 5000;

/**
 * Shows a device through the kernel's NBD client, on one end of a pair of sockets: nothing listens, and nobody else
 * can connect. A server that died can be replaced while the device is in use.
 */
export const nbdExporter: KernelExporter = { kind: 'nbd', availability, attach, recover, remove };

async function availability(): Promise<Availability> {
  if (!ffiAvailable()) {
    return {
      usable: false,
      reason: 'Foreign functions do not work here, and the kernel is spoken to through them.',
      remedy: 'Install the package with its optional dependencies (npm install --include=optional).',
    };
  }
  if (!hasCapability(CAP_SYS_ADMIN)) {
    return { usable: false, reason: 'Only root may connect NBD devices.', remedy: 'Run it as root (sudo).' };
  }
  try {
    await control.probe();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      return { usable: false, reason: fromSystemError(error, 'The NBD client does not answer').message };
    }
    return {
      usable: false,
      reason: "The kernel's NBD client is not loaded.",
      remedy: 'As root: modprobe nbd.',
    };
  }
  return { usable: true, abilities: ['block device', 'recovery'] };
}

async function attach(device: BlockDevice, options: AttachOptions): Promise<KernelExport> {
  const { identifier, log } = options;
  const readOnly = options.readOnly || device.readOnly;
  const { logicalBlockSize } = device.limits;
  if (logicalBlockSize > BLOCK_MAX) {
    throw new TscryptError(
      'NOT_SUPPORTED',
      `The kernel's NBD client has no blocks of ${logicalBlockSize} bytes.`,
      { details: { device: device.name, logicalBlockSize, maximum: BLOCK_MAX } },
    );
  }
  let index: number | undefined;
  try {
    const connection = await ServedConnection.start(options.queues, readOnly, async (socket) => {
      index = await control.connect({
        socket,
        size: device.size,
        blockSize: logicalBlockSize,
        flags: transmissionFlags({ name: options.name, device, readOnly }, false),
        identifier,
      });
    });
    if (index === undefined) throw new TscryptError('INTERNAL', 'connected to no device');
    const made = await exported(index, connection, { ...options, readOnly });
    const largest = maximumBlockSize(device);
    if (largest < NBD_MAX_PAYLOAD) await control.setLargestRequest(index, largest);
    await control.setResendInterval(index, RESEND_INTERVAL);
    // Whoever opens the device first makes the kernel look for partitions; it should not be one who must not wait.
    await (await open(made.node, 'r')).close();
    return made;
  } catch (error) {
    if (index !== undefined) await control.disconnect(index).catch(log);
    throw fromSystemError(error, 'Cannot connect an NBD device', { device: device.name });
  }
}

async function recover(
  device: BlockDevice,
  state: KernelExportState,
  options: AttachOptions,
): Promise<KernelExport> {
  const { index, identifier } = known(state);
  const readOnly = options.readOnly || device.readOnly;
  if (identifier !== options.identifier || !(await control.isConnected(index, identifier)))
    throw lost(state.node);
  let connection: ServedConnection | undefined;
  try {
    connection = await reconnected(index, { ...options, readOnly });
    return await exported(index, connection, { ...options, readOnly });
  } catch (error) {
    await connection?.stop();
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') throw lost(state.node);
    throw fromSystemError(error, `Cannot take over ${state.node}`, { device: state.node });
  }
}

async function remove(state: KernelExportState): Promise<void> {
  const { index, identifier } = known(state);
  if (!(await control.isConnected(index, identifier))) return;
  try {
    // First: nobody would answer what unmounting still wants to write.
    await control.disconnect(index);
    await unmountAll(await nodeOf(index, false));
  } catch (error) {
    throw fromSystemError(error, `Cannot disconnect ${state.node}`, { device: state.node });
  }
}

function reconnected(index: number, options: AttachOptions): Promise<ServedConnection> {
  return ServedConnection.start(options.queues, options.readOnly, (socket) =>
    control.reconfigure(index, options.identifier, { socket }),
  );
}

async function exported(
  index: number,
  connection: ServedConnection,
  options: AttachOptions,
): Promise<KernelExport> {
  const { queues, identifier, readOnly, log } = options;
  const node = await nodeOf(index, readOnly);
  markIoFlusher();
  const reconnect = (): Promise<ServedConnection> => reconnected(index, options);
  return new NbdDeviceExport({ index, node, identifier, queues, connection, reconnect, log });
}

async function nodeOf(index: number, readOnly: boolean): Promise<Node> {
  const path = `/dev/nbd${index}`;
  const { rdev } = await stat(path);
  return { path, numbers: deviceNumbers(rdev), readOnly };
}

function known(state: KernelExportState): { index: number; identifier: string } {
  const { index, identifier } = state;
  if (typeof index === 'number' && typeof identifier === 'string') return { index, identifier };
  throw new TscryptError('INVALID_ARGUMENT', 'The state of an NBD export lacks its device.');
}
