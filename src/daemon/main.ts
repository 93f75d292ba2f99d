/**
 * tscryptd: the process behind mapped devices. Started by `activateDevice` with one end of a socket pair as
 * descriptor 3; not meant to be started by hand. Standard error is the log in the first device's directory.
 */
import { rmSync } from 'node:fs';
import { useOpensslEngine } from '../crypto/openssl.ts';
import { useSecretAllocator } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import { serveHere } from '../export/queue-threads.ts';
import { openLibcrypto, protectProcess } from '../sys/index.ts';
import { disposeTable } from '../table/index.ts';
import { BackingDevices } from './backing-devices.ts';
import { STARTER } from './detached-process.ts';
import { DeviceStack } from './device-stack.ts';
import { type Handover, receiveHandover } from './handover.ts';
import { LauncherChannel } from './launcher-channel.ts';
import { beginProgram, log } from './program.ts';
import type { DeviceInfo } from './request.ts';

beginProgram();
process.exit(await run());

/** @returns the exit status */
async function run(): Promise<number> {
  const protection = protectProcess(useSecretAllocator);
  useOpensslEngine(openLibcrypto());
  const { request, root, staging, workingDirectory } = receiveHandover(STARTER) as Handover;
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
  const channel = new LauncherChannel(STARTER, stop);
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

async function noJob(): Promise<never> {
  throw new TscryptError('NOT_SUPPORTED', 'This export is not available.');
}
