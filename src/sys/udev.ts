import { existsSync } from 'node:fs';

/** The socket of a running udevd: systemd's, or eudev. */
const CONTROL_SOCKET = '/run/udev/control';

/** Whether udev runs here, as libudev finds out. In containers it does not, and nobody makes links to devices. */
export function udevRuns(): boolean {
  return existsSync(CONTROL_SOCKET);
}
