import { access, constants, readFile } from 'node:fs/promises';
import { availableParallelism, release } from 'node:os';
import { fromSystemError } from '../../errors.ts';
import { CAP_SYS_ADMIN, ffiAvailable, hasCapability, Uring } from '../../sys/index.ts';
import type { Availability } from '../kernel-export.ts';
import * as abi from './abi.ts';
import { UblkControl } from './control.ts';

/** See {@link KernelExporter.availability}. */
export async function ublkAvailability(): Promise<Availability> {
  if (!ffiAvailable()) {
    return no(
      'ublk needs foreign functions, which are not to be had.',
      'Install koffi, an optional package.',
    );
  }
  const missing = await access(abi.CONTROL_NODE, constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
  if (missing?.code === 'ENOENT') return await withoutDriver();
  if (missing) return no(`${abi.CONTROL_NODE} may not be opened.`, 'Run this as root.');
  const ring = Uring.create({ entries: 8, completions: 32 });
  ring?.close();
  if (!ring) {
    return no(
      'io_uring, which ublk needs, is forbidden or missing.',
      'Allow it: sysctl kernel.io_uring_disabled=0, and in containers a seccomp profile with io_uring.',
    );
  }
  return await askDriver();
}

async function askDriver(): Promise<Availability> {
  let control: UblkControl;
  try {
    control = await UblkControl.open();
  } catch (error) {
    return no(fromSystemError(error, 'ublk does not answer').message, 'See the kernel log (dmesg).');
  }
  try {
    const privileged = hasCapability(CAP_SYS_ADMIN);
    if (!privileged && !control.has(abi.UNPRIVILEGED_DEV)) {
      return no('This kernel has ublk for root only.', 'Run this as root.');
    }
    const abilities = [
      ...(privileged && control.features !== undefined && control.has(abi.USER_RECOVERY) ? ['recovery'] : []),
      ...(availableParallelism() > 1 ? ['multi-queue'] : []),
      ...(control.has(abi.UPDATE_SIZE_FEATURE) ? ['resize'] : []),
      ...(privileged ? [] : ['unprivileged']),
    ];
    return { usable: true, abilities };
  } finally {
    control.close();
  }
}

/** The driver has to be loaded, or there is none. */
async function withoutDriver(): Promise<Availability> {
  const loaded = await access('/sys/module/ublk_drv').then(
    () => true,
    () => false,
  );
  if (loaded) {
    return no(
      `ublk's driver is loaded, but ${abi.CONTROL_NODE} is not here.`,
      `In a container, pass ${abi.CONTROL_NODE} and the nodes of its devices in.`,
    );
  }
  const modules = await readFile(`/lib/modules/${release()}/modules.dep`, 'utf8').catch(() => undefined);
  if (modules !== undefined && !/\/ublk_drv\.ko\b/.test(modules)) {
    return no('This kernel has no ublk.', 'Use Linux 6.0 or later with CONFIG_BLK_DEV_UBLK.');
  }
  return no("ublk's driver is not loaded.", 'Load it: modprobe ublk_drv');
}

function no(reason: string, remedy: string): Availability {
  return { usable: false, reason, remedy };
}
