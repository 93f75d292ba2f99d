import { existsSync } from 'node:fs';
import type { ListenOptions } from '../daemon/index.ts';
import { TscryptError } from '../errors.ts';
import type {
  ActivateOptions,
  KeyslotOptions,
  LuksFormatOptions,
  PbkdfRequest,
  VolumeLocation,
} from '../volume/index.ts';
import { exportChoice } from './export-choice.ts';
import type { Options } from './flags/registry.ts';
import { usageError } from './flags/values.ts';

const BITS = 8;
const DEFAULT_ITER_TIME_MS = 2000;

/** Options of the command line in the shapes, names and units of the library. */
export function locationOf(device: string, options: Options): VolumeLocation {
  return { device: devicePath(device), header: options.header, disableLocks: options['disable-locks'] };
}

/** `UUID=…` names a device by the UUID of what it holds. */
function devicePath(device: string): string {
  const uuid = /^UUID=(.+)$/.exec(device)?.[1];
  if (uuid === undefined) return device;
  const path = `/dev/disk/by-uuid/${uuid.toLowerCase()}`;
  // As it was written, where nothing is there: so the message names it.
  return existsSync(path) ? path : device;
}

export function pbkdfOf(options: Options): PbkdfRequest {
  const type = (options.pbkdf ?? 'argon2id') as PbkdfRequest['type'];
  const forceIterations = options['pbkdf-force-iterations'];
  return given({
    type,
    hash: options.hash,
    iterTimeMs: forceIterations === undefined ? (options['iter-time'] ?? DEFAULT_ITER_TIME_MS) : undefined,
    forceIterations,
    memoryKib: options['pbkdf-memory'],
    parallel: options['pbkdf-parallel'],
  });
}

export function keyslotOf(options: Options, keyslot: number | undefined): KeyslotOptions {
  return {
    keyslot,
    pbkdf: pbkdfOf(options),
    keyslotCipher: options['keyslot-cipher'],
    keyslotKeySize: bytesOf(options['keyslot-key-size']),
  };
}

export function formatOf(options: Options): LuksFormatOptions {
  return {
    ...keyslotOf(options, options['key-slot']),
    cipher: options.cipher,
    keySize: bytesOf(options['key-size']),
    hash: options.hash,
    sectorSize: options['sector-size'],
    uuid: options.uuid,
    label: options.label,
    subsystem: options.subsystem,
    metadataSize: options['luks2-metadata-size'],
    keyslotsSize: options['luks2-keyslots-size'],
    dataOffset: options.offset,
    alignPayload: options['align-payload'],
  };
}

/** Which option asks for which activation flag, in the order a header keeps them. */
const FLAGS = [
  ['allow-discards', 'allow-discards'],
  ['perf-same_cpu_crypt', 'same-cpu-crypt'],
  ['perf-submit_from_crypt_cpus', 'submit-from-crypt-cpus'],
  ['perf-no_read_workqueue', 'no-read-workqueue'],
  ['perf-no_write_workqueue', 'no-write-workqueue'],
  ['perf-high_priority', 'high-priority'],
] as const;

export function activationOf(options: Options): ActivateOptions {
  return {
    readOnly: options.readonly,
    flags: FLAGS.filter(([option]) => options[option]).map(([, flag]) => flag),
    listen: listenOf(options),
    export: exportChoice(options.export),
  };
}

function listenOf(options: Options): ListenOptions | undefined {
  const address = options['nbd-listen'];
  if (address === undefined) return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    throw usageError(`--nbd-listen: "${address}" is no HOST:PORT ([HOST]:PORT for IPv6).`);
  const certificate = options['nbd-tls-certificate'];
  const key = options['nbd-tls-key'];
  const ca = options['nbd-tls-ca'];
  if (certificate === undefined || key === undefined) return { host, port };
  return { host, port, tls: { certificate, key, ...(ca !== undefined && { ca }) } };
}

/** The name of a mapped device as an operand gives it: `/dev/mapper/NAME` means NAME. */
export function mappedName(operand: string): string {
  return operand.replace(/^\/dev\/mapper\//, '');
}

/** The header file of an action that cannot do without. */
export function requiredBackupFile(options: Options): string {
  const file = options['header-backup-file'];
  if (file !== undefined) return file;
  throw new TscryptError('INVALID_ARGUMENT', 'Option --header-backup-file is required.');
}

function bytesOf(bits: number | undefined): number | undefined {
  return bits === undefined ? undefined : bits / BITS;
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function given<T extends object>(members: T): Given<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Given<T>;
}
