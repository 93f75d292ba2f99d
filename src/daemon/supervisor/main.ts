/**
 * tscrypt-supervisor: keeps what is needed to replace daemons that die or leave. Started by the first daemon that
 * needs it, with one end of a socket pair as descriptor 3; not meant to be started by hand. Standard error is the log
 * in its directory.
 */
import { closeSync, rmSync, writeSync } from 'node:fs';
import { useSecretAllocator } from '../../crypto/secret.ts';
import { protectProcess } from '../../sys/index.ts';
import { claimDirectory, releaseDirectory } from '../claim.ts';
import { STARTER } from '../detached-process.ts';
import { encodeError } from '../error-transfer.ts';
import { supervisorDirectory } from '../guards.ts';
import { receiveFrame } from '../handover.ts';
import { formatLine } from '../lines.ts';
import { beginProgram, log } from '../program.ts';
import { outliveOthers } from '../survival.ts';
import { withSupervisorSocket } from './address.ts';
import type { SupervisorOrder } from './start.ts';
import { Supervisor } from './supervisor.ts';

beginProgram();
process.title = 'tscrypt-supervisor';
// It goes when what it keeps is gone: daemons that are told to end say so.
process.on('SIGTERM', () => {});
process.on('SIGINT', () => {});
process.exit(await run());

/** @returns the exit status */
async function run(): Promise<number> {
  protectProcess(useSecretAllocator);
  const { root, staging } = receiveFrame(STARTER) as SupervisorOrder;
  const directory = supervisorDirectory(root);
  const supervisor = new Supervisor({ root, directory, log });
  try {
    await claimDirectory(staging, directory, 'of the supervisor');
    await withSupervisorSocket(root, (path) => supervisor.listen(path));
  } catch (error) {
    answer({ error: encodeError(error) });
    releaseDirectory(directory);
    return 1;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  // What it keeps alive may be what the root file system lies on.
  outliveOthers();
  answer({ ready: true });
  await supervisor.ended;
  releaseDirectory(directory);
  return 0;
}

function answer(message: object): void {
  try {
    writeSync(STARTER, formatLine(message));
    closeSync(STARTER);
  } catch {
    // Who started it does not need it any more.
  }
}
