/**
 * tscryptd: the process behind mapped devices. Started by `activateDevice` with one end of a socket pair as
 * descriptor 3; not meant to be started by hand. Standard error is the log in the first device's directory.
 */
import { rmSync, writeSync } from 'node:fs';
import { useSecretAllocator } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import { serveHere } from '../export/queue-threads.ts';
import { closeInheritedDescriptors, protectProcess } from '../sys/index.ts';
import { disposeTable } from '../table/index.ts';
import { BackingDevices } from './backing-devices.ts';
import { DeviceStack } from './device-stack.ts';
import { receiveHandover } from './handover.ts';
import { LauncherChannel } from './launcher-channel.ts';
import type { DeviceInfo } from './request.ts';

const LAUNCHER = 3;
const LOG = 2;

process.umask(0o077);
closeInheritedDescriptors(LAUNCHER);
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
// The terminal it was started from is none of its business.
process.on('SIGHUP', () => {});

process.exit(await run());

/** @returns the exit status */
async function run(): Promise<number> {
  const protection = protectProcess(useSecretAllocator);
  const { request, root, staging, workingDirectory } = receiveHandover(LAUNCHER);
  process.title = `tscryptd ${request.common ? '(common)' : request.name}`;

  const stack = new DeviceStack({
    root,
    backing: new BackingDevices({ workingDirectory, shared: request.shared ?? false }),
    common: request.common ?? false,
    shortcomings: protection.shortcomings,
    queueThreads: (device) => serveHere(device, { ublk: noJob, nbd: noJob }),
    log,
  });
  let starting = true;
  const stop = (): void => {
    if (!starting) {
      void stack.shutDown();
      return;
    }
    // Nothing is served yet, so nothing can be lost, and what is waited for may never come.
    stack.abandonStarting();
    process.exit(1);
  };
  const channel = new LauncherChannel(LAUNCHER, stop);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  let info: DeviceInfo;
  try {
    info = await stack.create({ request, staging, workingDirectory });
  } catch (error) {
    await channel.failed(error);
    return 1;
  } finally {
    starting = false;
    if (request.table) disposeTable(request.table);
    rmSync(staging, { recursive: true, force: true });
  }
  void channel.ready(info);
  try {
    await stack.ended;
    return 0;
  } catch {
    // It is in the log.
    return 1;
  }
}

/** A defect: whatever is in memory is not to be trusted any more, so nothing is written but this. */
function crash(error: unknown): never {
  log(error);
  process.exit(70);
}

/** Errors name devices, offsets and codes; never content, and never a key. */
function log(error: unknown): void {
  const text =
    error instanceof TscryptError
      ? `${error.code} ${error.message}`
      : error instanceof Error
        ? (error.stack ?? error.message)
        : 'unknown error';
  try {
    writeSync(LOG, `${new Date().toISOString()} ${text}\n`);
  } catch {
    // A full disk must not keep the daemon from its work.
  }
}

async function noJob(): Promise<never> {
  throw new TscryptError('NOT_SUPPORTED', 'This export is not available.');
}
