import type { Availability } from '../export/kernel-export.ts';
import type { Examination } from './doctor.ts';

const WIDTH = 20;
const REMEDY = `${' '.repeat(WIDTH)}→ `;

/** For people: a line for each thing, and what would help below those that are missing. */
export function doctorText(found: Examination): string {
  const { node, memoryLock, crypto, exports, choice, runtimeDirectory } = found;
  return [
    ...finding('Node.js', node, node.version),
    ...finding('foreign functions', found.foreignFunctions),
    ...finding('io_uring', found.ioUring),
    ...finding('locked memory', memoryLock, limitText(memoryLock.limit)),
    ...finding('no dumps, no ptrace', found.protection),
    line('crypto engines', `${crypto.engines.join(', then ')} (OpenSSL ${crypto.openssl})`),
    ...crypto.xts.map(({ sectorSize, short, long }) =>
      line(`  aes-xts, ${sectorSize} B`, short === long ? long : `${long}, ${short} for short requests`),
    ),
    ...exports.flatMap((availability) => finding(availability.kind, availability)),
    line('udev', found.udev ? 'yes' : 'not running'),
    ...finding('runtime directory', runtimeDirectory, runtimeDirectory.path),
    '',
    conclusion(found.usable, choice),
  ].join('\n');
}

function conclusion(usable: boolean, choice: Examination['choice']): string {
  if (!usable) return 'Devices cannot be served here.';
  return choice === 'socket'
    ? 'The kernel can show no device here: open serves NBD on sockets (--export auto takes socket).'
    : `The kernel shows devices here, by ${choice} (--export auto takes that); open serves NBD on sockets as well.`;
}

function finding(name: string, { usable, reason, remedy, abilities }: Availability, what = 'yes'): string[] {
  const details = abilities && abilities.length > 0 ? ` (${abilities.join(', ')})` : '';
  if (usable) return [line(name, what + details)];
  const missing = `no: ${reason ?? 'not available'}`;
  return [
    line(name, what === 'yes' ? missing : `${what}, ${missing}`),
    ...(remedy === undefined ? [] : [REMEDY + remedy]),
  ];
}

function line(name: string, text: string): string {
  return name.padEnd(WIDTH) + text;
}

function limitText(limit: number | null): string {
  return limit === null ? 'unlimited' : `up to ${Math.floor(limit / 1024)} KiB`;
}
