import { closeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockDevice } from '../../block/device.ts';
import { TscryptError } from '../../errors.ts';
import { CAP_SYS_ADMIN, hasCapability } from '../../sys/index.ts';
import { SECTOR_SIZE } from '../../units.ts';
import type { AttachOptions, KernelExport, KernelExporter } from '../kernel-export.ts';
import * as abi from './abi.ts';
import { ublkAvailability } from './availability.ts';
import { type ControlOptions, UblkControl } from './control.ts';
import { UblkExport } from './device.ts';
import { maxIoOf, parametersOf } from './parameters.ts';
import { announcePartitions } from './partitions.ts';
import { openCharNode, Serving } from './serving.ts';
import { markOf, parseState, type UblkState } from './state.ts';

/** Requests that a queue may have under way. */
const DEPTH = 64;
/** How often and how long (milliseconds) the end of a dying server is waited for. */
const RECOVERY_ATTEMPTS = 1500;
const RECOVERY_INTERVAL = 20;

/** Shows devices through the kernel's ublk driver (Documentation/block/ublk.rst), as /dev/ublkbN. */
export const ublkExporter: KernelExporter = createUblkExporter();

/** @param options for tests of what older kernels understand */
export function createUblkExporter(options: ControlOptions = {}): KernelExporter {
  return {
    kind: 'ublk',
    availability: ublkAvailability,
    attach: (device, attachment) => attach(device, attachment, options),
    recover: (device, state, attachment) => recover(device, parseState(state), attachment, options),
    remove: (state) => remove(parseState(state), options),
  };
}

async function attach(
  device: BlockDevice,
  { queues, readOnly, identifier, log }: AttachOptions,
  options: ControlOptions,
): Promise<KernelExport> {
  const isReadOnly = readOnly || device.readOnly;
  const maxIo = maxIoOf(device);
  const parameters = parametersOf(device, isReadOnly, maxIo);
  const control = await UblkControl.open(options);
  let info: abi.DeviceInfo | undefined;
  let serving: Serving | undefined;
  try {
    info = await control.add({
      queues: Math.min(queues.count, availableParallelism()),
      depth: DEPTH,
      maxIo,
      flags: flagsFor(control),
      mark: markOf(identifier),
    });
    // Whoever is not root may do nothing with a device before its node is his.
    const charFd = await openCharNode(info.id);
    try {
      await control.setParameters(info, parameters);
    } catch (error) {
      closeSync(charFd);
      throw error;
    }
    serving = await Serving.start(charFd, info, queues, control.legacy);
    await whileServed(serving, control.start(info));
    const made = await UblkExport.of(device, info, control, serving);
    await announcePartitions(device, made.node);
    return made;
  } catch (error) {
    // Closing it interrupts what may still wait for queues that broke.
    control.close();
    await serving?.stop();
    if (info) await discard(info, options).catch(log);
    throw error;
  }
}

async function recover(
  device: BlockDevice,
  state: UblkState,
  { queues }: AttachOptions,
  options: ControlOptions,
): Promise<KernelExport> {
  const control = await UblkControl.open(options);
  let serving: Serving | undefined;
  try {
    const info = await leftBehind(control, state);
    const { size } = await control.parameters(info);
    if (device.size < size * SECTOR_SIZE) {
      throw new TscryptError('DEVICE_TOO_SMALL', `${device.name} is smaller than ${state.node}.`, {
        details: { device: device.name, node: state.node, size: device.size, expected: size * SECTOR_SIZE },
      });
    }
    for (let attempt = 1; !(await control.startRecovery(info)); attempt++) {
      if (attempt === RECOVERY_ATTEMPTS) throw stillServed(state, info);
      await sleep(RECOVERY_INTERVAL);
    }
    serving = await Serving.start(await openCharNode(info.id), info, queues, control.legacy);
    await whileServed(serving, control.endRecovery(info));
    return await UblkExport.of(device, info, control, serving);
  } catch (error) {
    // The kernel goes on waiting for somebody to take the device over.
    control.close();
    await serving?.stop();
    throw error;
  }
}

async function remove(state: UblkState, options: ControlOptions): Promise<void> {
  const control = await openIfThere(options);
  if (!control) return;
  try {
    const info = await control.info(state.id, state.unprivileged);
    if (info?.mark !== state.mark) return;
    await control.stop(info);
    await control.delete(info);
  } finally {
    control.close();
  }
}

/** What can be asked for; the kernel leaves out what it does not know. */
function flagsFor(control: UblkControl): number {
  const recovery = abi.USER_RECOVERY | abi.USER_RECOVERY_REISSUE;
  const owned = hasCapability(CAP_SYS_ADMIN) ? 0 : abi.UNPRIVILEGED_DEV;
  const offered = [abi.UPDATE_SIZE_FEATURE, abi.SAFE_STOP_DEV].filter((feature) => control.has(feature));
  return [recovery, owned, ...offered].reduce((flags, flag) => flags | flag);
}

/** The kernel waits for all queues: in vain, if one of them breaks. */
async function whileServed(serving: Serving, command: Promise<void>): Promise<void> {
  const broken = serving.ended.then(() => {
    throw new TscryptError('CONNECTION_LOST', 'The kernel took the queues back before the disk was there.');
  });
  broken.catch(() => {});
  command.catch(() => {});
  await Promise.race([command, broken]);
}

/** Takes a device away that nobody has seen yet. */
async function discard(info: abi.DeviceInfo, options: ControlOptions): Promise<void> {
  const control = await UblkControl.open(options);
  try {
    await control.stop(info);
    await control.delete(info);
  } finally {
    control.close();
  }
}

async function openIfThere(options: ControlOptions): Promise<UblkControl | undefined> {
  try {
    return await UblkControl.open(options);
  } catch (error) {
    if (error instanceof TscryptError && error.code === 'NO_SUCH_DEVICE') return undefined;
    throw error;
  }
}

/** @throws TscryptError when there is nothing to be taken over */
async function leftBehind(control: UblkControl, state: UblkState): Promise<abi.DeviceInfo> {
  const info = await control.info(state.id, state.unprivileged);
  const details = { node: state.node };
  if (info?.mark !== state.mark || info.state === abi.STATE_DEAD) {
    throw new TscryptError('NO_SUCH_DEVICE', `${state.node} is not there any more.`, { details });
  }
  if (!state.recoverable) {
    throw new TscryptError('NOT_SUPPORTED', `${state.node} cannot be taken over by another process.`, {
      details,
    });
  }
  return info;
}

function stillServed(state: UblkState, info: abi.DeviceInfo): TscryptError {
  return new TscryptError('DEVICE_BUSY', `${state.node} is still served by process ${info.pid}.`, {
    details: { node: state.node, pid: info.pid },
  });
}
