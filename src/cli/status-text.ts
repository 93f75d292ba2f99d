import type { DeviceInfo } from '../daemon/index.ts';
import { SECTOR_SIZE } from '../units.ts';

/** Feature words of a crypt line, and what `status` of cryptsetup calls them. */
const FLAGS: Readonly<Record<string, string>> = {
  allow_discards: 'discards',
  same_cpu_crypt: 'same_cpu_crypt',
  submit_from_crypt_cpus: 'submit_from_crypt_cpus',
  no_read_workqueue: 'no_read_workqueue',
  no_write_workqueue: 'no_write_workqueue',
  high_priority: 'high_priority',
};

/** An active device as `cryptsetup status` prints one (2.8), and where it is exported. */
export function statusText(info: DeviceInfo): string {
  const { description } = info;
  const fact = (key: string): string | undefined => {
    const value = description[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  };
  const features = cryptFeatures(info.table);
  const flags = features.flatMap((word) => FLAGS[word] ?? []);
  const line = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`  ${`${name}:`.padEnd(8)} ${value}`];
  return [
    `${info.name} is active${info.openCount > 0 ? ' and is in use' : ''}.`,
    ...line('type', fact('type') ?? 'n/a'),
    ...line('cipher', fact('cipher')),
    ...line('keysize', suffixed(fact('keySizeBits'), ' [bits]')),
    ...line('key location', fact('cipher') && 'tscryptd'),
    ...line('device', fact('device')),
    ...line('header', fact('header')),
    ...line('sector size', suffixed(fact('sectorSize'), ' [bytes]', ' ')),
    ...line('offset', sectors(description.offsetSectors)),
    ...line('size', sectors(info.size / SECTOR_SIZE)),
    ...line('skipped', description.skippedSectors === 0 ? undefined : sectors(description.skippedSectors)),
    ...line('mode', `${info.readOnly ? 'readonly' : 'read/write'}${info.suspended ? ' (suspended)' : ''}`),
    ...line('flags', flags.length === 0 ? undefined : flags.join(' ')),
    ...line('deferred', info.closeDeferred ? 'closes when the last client leaves' : undefined),
    ...exportLines(info),
    ...info.uris.flatMap((uri) => line('export', uri)),
    ...line('process', String(info.pid)),
  ].join('\n');
}

function suffixed(value: string | undefined, suffix: string, prefix = ''): string | undefined {
  return value === undefined ? undefined : prefix + value + suffix;
}

function sectors(count: unknown): string | undefined {
  if (typeof count !== 'number') return undefined;
  return `${count} [512-byte units] (${count * SECTOR_SIZE} [bytes])`;
}

/** The kernel's device, how it is served, and what went through it. */
function exportLines({ export: { kind, node, link, queues, counters, reason } }: DeviceInfo): string[] {
  const why = reason === undefined ? [] : [`  note:    ${reason}`];
  if (node === undefined) return why;
  const served = counters && [
    `${counters.reads} reads (${counters.readBytes} bytes), ${counters.writes} writes (${counters.writtenBytes} bytes)`,
    `${counters.flushes} flushes, ${counters.others} discards and zeroes, ${counters.errors} errors`,
  ];
  return [
    `  node:    ${link === undefined ? node : `${link}, ${node}`} (${kind}, ${queues} ${queues === 1 ? 'queue' : 'queues'})`,
    ...(served ? [`  served:  ${served.join(', ')}`] : []),
    ...why,
  ];
}

/** Words of crypt lines behind cipher, key, IV offset, device and offset. */
function cryptFeatures(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const [, , type, ...words] = line.split(' ');
    return type === 'crypt' ? words.slice(5) : [];
  });
}
