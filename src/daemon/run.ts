import { rmSync } from 'node:fs';
import { useOpensslEngine } from '../crypto/openssl.ts';
import { useSecretAllocator } from '../crypto/secret.ts';
import type { KernelExporter } from '../export/kernel-export.ts';
import { openLibcrypto, protectProcess } from '../sys/index.ts';
import { disposeTable } from '../table/index.ts';
import { BackingDevices } from './backing-devices.ts';
import { STARTER } from './detached-process.ts';
import { DeviceStack } from './device-stack.ts';
import { type Handover, receiveHandover } from './handover.ts';
import { LauncherChannel } from './launcher-channel.ts';
import { log } from './program.ts';
import { queueJobs } from './queues/jobs.ts';
import { QueueThreadPool } from './queues/thread-pool.ts';
import type { SuccessionOrder } from './registration.ts';
import type { ActivationRequest, DeviceInfo } from './request.ts';
import { disposeSecrets } from './secret-values.ts';

export interface DaemonOptions {
  /** What can show devices in the kernel; all of this build if not given. */
  readonly exporters?: readonly KernelExporter[];
}

/** What a stack is made for, by a launcher or by the supervisor. */
interface Purpose {
  readonly root: string;
  readonly common: boolean;
  /** Of the first device. */
  readonly name: string;
  readonly request: Pick<ActivationRequest, 'shared'>;
  readonly workingDirectory: string;
}

/**
 * A daemon's life, from what it was started for until its last device is gone.
 *
 * @returns the exit status
 */
export async function runDaemon(options: DaemonOptions = {}): Promise<number> {
  const { shortcomings } = protectProcess(useSecretAllocator);
  useOpensslEngine(openLibcrypto());
  const order = receiveHandover(STARTER);
  const succeeds = 'task' in order;
  const { root, common, name, request, workingDirectory } = succeeds ? purposeOf(order) : newPurpose(order);
  process.title = `tscryptd ${common ? '(common)' : name}`;
  const threads = new QueueThreadPool({ jobs: queueJobs, log });
  const stack = new DeviceStack({
    root,
    backing: new BackingDevices({ workingDirectory, shared: request.shared ?? false }),
    common,
    shortcomings,
    exporters: options.exporters,
    queueThreads: (device) => threads.threadsFor(device),
    log,
  });
  const begun = succeeds ? await succeed(stack, order) : await create(stack, order);
  if (!begun) return 1;
  try {
    await stack.ended;
    return 0;
  } catch {
    // It is in the log.
    return 1;
  }
}

/** @returns whether there is a device */
async function create(stack: DeviceStack, order: Handover): Promise<boolean> {
  const { request, staging, workingDirectory } = order;
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
    return false;
  } finally {
    starting = false;
    if (request.table) disposeTable(request.table);
    rmSync(staging, { recursive: true, force: true });
  }
  void channel.ready(info);
  return true;
}

async function succeed(stack: DeviceStack, order: SuccessionOrder): Promise<boolean> {
  let taken: Promise<void> | undefined;
  const stop = (): void => {
    void taken?.then(() => stack.shutDown());
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    taken = order.task === 'recover' ? stack.succeed(order) : stack.discard(order);
    await taken;
    return true;
  } finally {
    disposeSecrets(order.devices);
  }
}

function newPurpose({ request, root, workingDirectory }: Handover): Purpose {
  return { root, common: request.common ?? false, name: request.name, request, workingDirectory };
}

function purposeOf({ root, common, devices: [first] }: SuccessionOrder): Purpose {
  const { name = '', request = {}, workingDirectory = '/' } = first ?? {};
  return { root, common, name, request, workingDirectory };
}
