/**
 * tscryptd: the process behind one mapped device. Started by `activateDevice` with one end of a socket pair as
 * descriptor 3; not meant to be started by hand. Standard error is the log in the device's directory.
 */
import { rmSync, writeSync } from 'node:fs';
import { useSecretAllocator } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import { closeInheritedDescriptors, protectProcess } from '../sys/index.ts';
import { disposeTable } from '../table/index.ts';
import { BackingDevices } from './backing-devices.ts';
import { claimDirectory, releaseDirectory } from './claim.ts';
import { controlHandlers } from './control-handlers.ts';
import { ControlServer } from './control-server.ts';
import { DeviceServer } from './device-server.ts';
import { receiveHandover } from './handover.ts';
import { LauncherChannel } from './launcher-channel.ts';
import { devicePaths } from './runtime-directory.ts';
import { writeState } from './state-file.ts';

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
  const { name, table, shared = false } = request;
  const paths = devicePaths(root, name);
  process.title = `tscryptd ${name}`;

  let server: DeviceServer | undefined;
  let claimed = false;
  const leave = (): void => {
    rmSync(staging, { recursive: true, force: true });
    if (claimed) releaseDirectory(paths.directory);
  };
  const stop = (): void => {
    if (server) {
      server.close({ force: true }).catch(() => {});
      return;
    }
    // Nothing is served yet, so nothing can be lost.
    leave();
    process.exit(1);
  };
  const channel = new LauncherChannel(LAUNCHER, stop);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  let control: ControlServer | undefined;
  try {
    await claimDirectory(staging, paths.directory, name);
    claimed = true;
    const backing = new BackingDevices({ workingDirectory, shared });
    server = await DeviceServer.start(request, paths, backing, protection.shortcomings, workingDirectory);
    control = new ControlServer(controlHandlers(server));
    writeState(paths, server.info);
    await control.listen(paths.controlSocket);
  } catch (error) {
    await server?.close({ force: true }).catch(log);
    await control?.close();
    leave();
    await channel.failed(error);
    return 1;
  } finally {
    disposeTable(table);
  }

  void channel.ready(server.info);
  let status = 0;
  try {
    await server.ended;
  } catch (error) {
    log(error);
    status = 1;
  }
  await control.close();
  leave();
  return status;
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
