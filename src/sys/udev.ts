import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { addressOf } from './address.ts';
import { type DeviceNumbers, formatDeviceNumbers } from './device-numbers.ts';
import { type Libc, libc } from './ffi.ts';

/** The socket of a running udevd: systemd's, or eudev. */
const CONTROL_SOCKET = '/run/udev/control';
/** How long udev may take; a rule that hangs must not hang us. Milliseconds. */
const PATIENCE = 5000;

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2_000_000;
const NETLINK_KOBJECT_UEVENT = 15;
/** The multicast group in which udevd says which events it has worked off; the kernel's own is 1. */
const UDEV_GROUP = 2;
const MSG_DONTWAIT = 0x40;
/** struct sockaddr_nl: family, padding, port, groups. */
const ADDRESS_SIZE = 12;
const MESSAGE_MAX = 64 * 1024;

/** Whether udev runs here, as libudev finds out. In containers it does not, and nobody makes links to devices. */
export function udevRuns(controlSocket = CONTROL_SOCKET): boolean {
  return existsSync(controlSocket);
}

export interface UdevWaitOptions {
  /** Milliseconds. */
  readonly patience?: number;
  readonly controlSocket?: string;
}

/**
 * Waits until udev has worked off all events of a block device so far: its links in /dev/disk are there then. Other
 * devices' events, for which `udevadm settle` would wait as well, do not matter: one more event of the device's own is
 * made, with a mark, and udev keeps to their order (Documentation/ABI/testing/sysfs-uevent; kernels since 4.13).
 *
 * @returns `absent` where there is no udev or events cannot be made or heard of; `late` when patience ended first
 */
export async function waitForUdev(
  numbers: DeviceNumbers,
  options: UdevWaitOptions = {},
): Promise<'done' | 'late' | 'absent'> {
  const c = libc();
  if (!c || !udevRuns(options.controlSocket)) return 'absent';
  const fd = openMonitor(c);
  if (fd === undefined) return 'absent';
  const mark = randomUUID();
  const heard = listen(c, fd, Buffer.from(`\0SYNTH_UUID=${mark}\0`), options.patience ?? PATIENCE);
  try {
    await writeFile(`/sys/dev/block/${formatDeviceNumbers(numbers)}/uevent`, `change ${mark}`);
  } catch {
    heard.stop();
    await heard.result;
    return 'absent';
  }
  return (await heard.result) ? 'done' : 'late';
}

function openMonitor(c: Libc): number | undefined {
  const fd = c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_KOBJECT_UEVENT);
  if (fd === -1) return undefined;
  const address = Buffer.allocUnsafeSlow(128).fill(0);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(UDEV_GROUP, 8);
  if (c.bind(fd, addressOf(address), ADDRESS_SIZE) === 0) return fd;
  c.close(fd);
  return undefined;
}

/** Reads events, which are NUL-terminated properties behind a header, until one holds the mark. Closes the socket. */
function listen(
  c: Libc,
  fd: number,
  mark: Buffer,
  patience: number,
): { readonly result: Promise<boolean>; readonly stop: () => void } {
  const buffer = Buffer.allocUnsafeSlow(MESSAGE_MAX);
  const address = addressOf(buffer);
  let stop = (): void => {};
  const result = new Promise<boolean>((resolve) => {
    let ended = false;
    const end = (found: boolean): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      poll.close();
      c.close(fd);
      resolve(found);
    };
    const receive = (): void => {
      while (!ended) {
        const length = c.recv(fd, address, MESSAGE_MAX, MSG_DONTWAIT);
        // Nothing more, or (ENOBUFS) something lost, which may have been it: then patience decides.
        if (length <= 0) return;
        if (buffer.subarray(0, length).includes(mark)) end(true);
      }
    };
    const poll = c.poll(fd, { readable: true }, () => setImmediate(receive));
    const timer = setTimeout(() => end(false), patience);
    stop = () => end(false);
  });
  return { result, stop };
}
