import { join } from 'node:path';
import { DEBIAN_KERNEL_DIRECTORY } from '../../suites/requires.ts';
import { type KernelOptions, type KernelResult, runInGuest } from './guest.ts';

export interface QemuOptions extends KernelOptions {
  /** Processors of the guest. Default 2. */
  readonly processors?: number;
}

/**
 * As {@link runInKernel}, under Debian's own kernel in a virtual machine: what user-mode Linux lacks (ublk, more
 * than one processor, xfs, btrfs), at the price of a boot of ten seconds and programs that run several times
 * slower, since every instruction is emulated.
 *
 * The host's files are as they were when the guest first looked at them. Files for direct I/O belong in /dev/shm.
 *
 * @param script a bash script, or a command as a list of words
 * @param options the timeout is five minutes by default
 * @throws Error when the kernel does not start, dies, or takes too long; its last messages are shown
 */
export async function runInQemu(
  script: string | readonly string[],
  options: QemuOptions = {},
): Promise<KernelResult> {
  try {
    return await boot(script, options);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes(EMULATOR_FAULT)) throw error;
    process.stderr.write(`the emulator failed, once more:\n${error.message}\n`);
    return await boot(script, options);
  }
}

/**
 * What the kernel says when QEMU 7.2 has lost an instruction's flags between two emulated processors: seen at an
 * ordinary atomic instruction of the kernel's, on a machine with far more to do than it could.
 */
const EMULATOR_FAULT = 'traps: PANIC: double fault';

async function boot(script: string | readonly string[], options: QemuOptions): Promise<KernelResult> {
  const machine = ['-M', 'q35', '-accel', 'tcg,thread=multi,tb-size=512'];
  // Five-level page tables would be walked in software.
  const processors = ['-cpu', 'max,-la57', '-smp', String(options.processors ?? 2)];
  const memory = ['-m', `${options.memory ?? 1024}M`];
  const nothingElse = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'];
  // Whatever takes emulated time and tests nothing of ours is left out; a kernel that stumbles stops.
  const kernelArguments = [
    ...['console=ttyS0', 'quiet', 'loglevel=4', 'panic=-1', 'oops=panic'],
    ...['mitigations=off', 'nokaslr', 'init_on_alloc=0', 'apparmor=0', 'audit=0', 'cryptomgr.notests'],
  ];
  return await runInGuest(
    {
      kernel: 'qemu',
      directory: DEBIAN_KERNEL_DIRECTORY,
      timeout: options.timeout ?? 300_000,
      command: async (_job, initramfs, channels) => ({
        words: [
          ...['qemu-system-x86_64', ...machine, ...processors, ...memory, ...nothingElse],
          ...['-kernel', join(DEBIAN_KERNEL_DIRECTORY, 'vmlinuz'), '-initrd', initramfs],
          ...['-append', kernelArguments.join(' '), '-serial', `file:${channels.console}`],
          ...['-device', 'virtio-serial'],
          ...port(1, 'stdout', channels.stdout),
          ...port(2, 'stderr', channels.stderr),
          ...port(3, 'status', channels.status),
          ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,multidevs=remap'],
        ],
      }),
    },
    script,
    options,
  );
}

/** What the guest writes to /dev/vport0pN goes to a file. */
function port(number: number, name: string, path: string): readonly string[] {
  const device = `virtserialport,chardev=${name},nr=${number}`;
  return ['-chardev', `file,id=${name},path=${path}`, '-device', device];
}
