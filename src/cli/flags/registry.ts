import type { ActionName } from './actions.ts';

/**
 * Every option of tscrypt, once. Parsing, help, the check "not allowed with this action" and, later, man
 * pages and completion derive from this table. Names, short names, units and defaults are cryptsetup's;
 * what cryptsetup does not have is ours and marked so.
 */
export type OptionKind =
  | 'boolean'
  | 'string'
  /** A whole number, decimal or `0x`; negative ones are refused later with their own message. */
  | 'number'
  /** Bytes, with the suffixes of `parseSize`. */
  | 'size';

export interface OptionSpec {
  readonly short?: string;
  readonly kind: OptionKind;
  /** Placeholder of the value in help. */
  readonly unit?: string;
  readonly help: string;
  /** Actions that accept it. */
  readonly actions: 'all' | readonly ActionName[];
  /** Older names. */
  readonly aliases?: readonly string[];
  /** Of a number or size: 0 is a value like any other. Elsewhere it means what leaving the option out means. */
  readonly zeroCounts?: true;
}

const FORMAT = ['luksFormat'] as const;
const NEW_KEYSLOT = ['luksFormat', 'luksAddKey', 'luksChangeKey'] as const;
const PBKDF = [...NEW_KEYSLOT, 'benchmark'] as const;
const OPEN = ['open'] as const;

const OPTIONS = {
  'align-payload': {
    kind: 'number',
    unit: 'SECTORS',
    help: 'Align payload at <n> sector boundaries',
    actions: FORMAT,
  },
  'allow-discards': {
    kind: 'boolean',
    help: 'Allow discards (aka TRIM) requests for device',
    actions: OPEN,
  },
  'batch-mode': { short: 'q', kind: 'boolean', help: 'Do not ask for confirmation', actions: 'all' },
  'cancel-deferred': {
    kind: 'boolean',
    help: 'Cancel a previously set deferred device removal',
    actions: ['close'],
  },
  cipher: {
    short: 'c',
    kind: 'string',
    unit: 'STRING',
    help: 'The cipher used to encrypt the disk, default aes-xts-plain64',
    actions: 'all',
  },
  debug: { kind: 'boolean', help: 'Show debug messages', actions: 'all' },
  deferred: {
    kind: 'boolean',
    help: 'Device removal is deferred until the last user closes it',
    actions: ['close'],
  },
  'disable-blkid': {
    kind: 'boolean',
    help: 'Do not look for what the device holds before it is overwritten',
    actions: FORMAT,
  },
  'disable-keyring': {
    kind: 'boolean',
    help: 'Accepted for scripts: volume keys never enter the kernel keyring',
    actions: 'all',
  },
  'disable-locks': { kind: 'boolean', help: 'Disable locking of on-disk metadata', actions: 'all' },
  'dump-json-metadata': {
    kind: 'boolean',
    help: 'Dump info in JSON format (LUKS2 only)',
    actions: ['luksDump'],
  },
  'dump-volume-key': {
    kind: 'boolean',
    help: 'Dump volume key instead of keyslots info',
    actions: ['luksDump'],
    aliases: ['dump-master-key'],
  },
  export: {
    kind: 'string',
    unit: 'KIND',
    help: 'How the mapped device appears: auto, ublk, nbd, fuse, or socket for no block device (ours)',
    actions: OPEN,
  },
  force: {
    kind: 'boolean',
    help: 'Close a device, or replace a daemon, that is in use; who uses it gets errors (ours)',
    actions: ['close', 'daemon'],
  },
  'force-password': {
    kind: 'boolean',
    help: 'Accepted for scripts: the quality of passphrases is not checked',
    actions: 'all',
  },
  hash: {
    short: 'h',
    kind: 'string',
    unit: 'STRING',
    help: 'The hash of PBKDF2, AF splitter and digest, default sha256',
    actions: 'all',
  },
  header: {
    kind: 'string',
    unit: 'FILE',
    help: 'Device or file with separated LUKS header',
    actions: 'all',
  },
  'header-backup-file': {
    kind: 'string',
    unit: 'FILE',
    help: 'File with LUKS header and keyslots backup',
    actions: ['luksHeaderBackup', 'luksHeaderRestore'],
  },
  'iter-time': {
    short: 'i',
    kind: 'number',
    unit: 'msecs',
    help: 'PBKDF iteration time for LUKS (in ms), default 2000',
    actions: PBKDF,
  },
  json: { kind: 'boolean', help: 'Print results and errors as JSON (ours)', actions: 'all' },
  'key-file': { short: 'd', kind: 'string', unit: 'FILE', help: 'Read the key from a file', actions: 'all' },
  'key-size': {
    short: 's',
    kind: 'number',
    unit: 'BITS',
    help: 'The size of the encryption key, default 256, doubled for XTS',
    actions: ['open', 'benchmark', 'luksFormat', 'luksAddKey'],
  },
  'key-slot': {
    short: 'S',
    kind: 'number',
    unit: 'INT',
    help: 'Slot number for new key (default is first free)',
    actions: ['open', 'luksFormat', 'luksAddKey', 'luksChangeKey', 'luksDump'],
    zeroCounts: true,
  },
  'keyfile-offset': {
    kind: 'size',
    unit: 'bytes',
    help: 'Number of bytes to skip in keyfile',
    actions: 'all',
  },
  'keyfile-size': {
    short: 'l',
    kind: 'size',
    unit: 'bytes',
    help: 'Limits the read from keyfile',
    actions: 'all',
  },
  'keyslot-cipher': {
    kind: 'string',
    unit: 'STRING',
    help: 'LUKS2 keyslot: The cipher used for keyslot encryption',
    actions: NEW_KEYSLOT,
  },
  'keyslot-key-size': {
    kind: 'number',
    unit: 'BITS',
    help: 'LUKS2 keyslot: The size of the encryption key',
    actions: NEW_KEYSLOT,
  },
  label: { kind: 'string', unit: 'STRING', help: 'Set label for the LUKS2 device', actions: FORMAT },
  'luks2-keyslots-size': {
    kind: 'size',
    unit: 'bytes',
    help: 'LUKS2 header keyslots area size',
    actions: FORMAT,
  },
  'luks2-metadata-size': {
    kind: 'size',
    unit: 'bytes',
    help: 'LUKS2 header metadata area size',
    actions: FORMAT,
  },
  'nbd-listen': {
    kind: 'string',
    unit: 'HOST:PORT',
    help: 'Export over TCP as well; any host but loopback needs the three TLS files (ours)',
    actions: OPEN,
  },
  'nbd-tls-ca': {
    kind: 'string',
    unit: 'FILE',
    help: 'Certificate authority whose clients are let in, PEM (ours)',
    actions: OPEN,
  },
  'nbd-tls-certificate': {
    kind: 'string',
    unit: 'FILE',
    help: 'Certificate of the NBD server, PEM (ours)',
    actions: OPEN,
  },
  'nbd-tls-key': {
    kind: 'string',
    unit: 'FILE',
    help: 'Private key of the NBD server, PEM (ours)',
    actions: OPEN,
  },
  'new-key-slot': {
    kind: 'number',
    unit: 'INT',
    help: 'Slot number for new key (default is first free)',
    actions: ['luksAddKey'],
    zeroCounts: true,
  },
  'new-keyfile': {
    kind: 'string',
    unit: 'FILE',
    help: 'Read the key for a new slot from a file',
    actions: ['luksAddKey'],
  },
  'new-keyfile-offset': {
    kind: 'size',
    unit: 'bytes',
    help: 'Number of bytes to skip in newly added keyfile',
    actions: 'all',
  },
  'new-keyfile-size': {
    kind: 'size',
    unit: 'bytes',
    help: 'Limits the read from newly added keyfile',
    actions: 'all',
  },
  offset: {
    short: 'o',
    kind: 'number',
    unit: 'SECTORS',
    help: 'The start offset in the backend device',
    actions: FORMAT,
  },
  pbkdf: {
    kind: 'string',
    unit: 'STRING',
    help: 'PBKDF algorithm (for LUKS2): argon2i, argon2id, pbkdf2; default argon2id',
    actions: PBKDF,
  },
  'pbkdf-force-iterations': {
    kind: 'number',
    unit: 'LONG',
    help: 'PBKDF iterations cost (forced, disables benchmark)',
    actions: NEW_KEYSLOT,
  },
  'pbkdf-memory': {
    kind: 'number',
    unit: 'kilobytes',
    help: 'PBKDF memory cost limit, default 1048576',
    actions: 'all',
  },
  'pbkdf-parallel': {
    kind: 'number',
    unit: 'threads',
    help: 'PBKDF parallel cost, default 4',
    actions: 'all',
  },
  'perf-high_priority': {
    kind: 'boolean',
    help: 'Accepted and shown: a wish to the work queues of the kernel',
    actions: 'all',
  },
  'perf-no_read_workqueue': {
    kind: 'boolean',
    help: 'Accepted and shown: a wish to the work queues of the kernel',
    actions: 'all',
  },
  'perf-no_write_workqueue': {
    kind: 'boolean',
    help: 'Accepted and shown: a wish to the work queues of the kernel',
    actions: 'all',
  },
  'perf-same_cpu_crypt': {
    kind: 'boolean',
    help: 'Accepted and shown: a wish to the work queues of the kernel',
    actions: 'all',
  },
  'perf-submit_from_crypt_cpus': {
    kind: 'boolean',
    help: 'Accepted and shown: a wish to the work queues of the kernel',
    actions: 'all',
  },
  persistent: { kind: 'boolean', help: 'Set activation flags persistent for device', actions: OPEN },
  readonly: { short: 'r', kind: 'boolean', help: 'Create a readonly mapping', actions: 'all' },
  'sector-size': {
    kind: 'number',
    unit: 'INT',
    help: 'Encryption sector size: 512, 1024, 2048 or 4096 bytes',
    actions: FORMAT,
    zeroCounts: true,
  },
  subsystem: {
    kind: 'string',
    unit: 'STRING',
    help: 'Set subsystem label for the LUKS2 device',
    actions: FORMAT,
  },
  'test-args': {
    kind: 'boolean',
    help: 'Do not run action, just validate all command line parameters',
    actions: 'all',
  },
  'test-passphrase': {
    kind: 'boolean',
    help: 'Do not activate device, just check passphrase',
    actions: OPEN,
  },
  timeout: {
    short: 't',
    kind: 'number',
    unit: 'secs',
    help: 'Timeout for interactive passphrase prompt (in seconds)',
    actions: 'all',
  },
  tries: {
    short: 'T',
    kind: 'number',
    unit: 'INT',
    help: 'How often the input of the passphrase can be retried, default 3',
    actions: 'all',
    zeroCounts: true,
  },
  type: {
    short: 'M',
    kind: 'string',
    unit: 'STRING',
    help: 'Type of device metadata: luks, luks2',
    actions: 'all',
  },
  'use-random': {
    kind: 'boolean',
    help: 'Accepted for scripts: keys always come from the system generator',
    actions: FORMAT,
  },
  'use-urandom': {
    kind: 'boolean',
    help: 'Accepted for scripts: keys always come from the system generator',
    actions: FORMAT,
  },
  uuid: {
    kind: 'string',
    unit: 'STRING',
    help: 'UUID for device to use',
    actions: ['luksFormat', 'luksUUID'],
  },
  verbose: { short: 'v', kind: 'boolean', help: 'Shows more detailed error messages', actions: 'all' },
  'verify-passphrase': {
    short: 'y',
    kind: 'boolean',
    help: 'Verifies the passphrase by asking for it twice',
    actions: 'all',
  },
  'volume-key-file': {
    kind: 'string',
    unit: 'FILE',
    help: 'Use the volume key from file',
    actions: 'all',
    aliases: ['master-key-file'],
  },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTIONS;

interface KindValue {
  boolean: boolean;
  string: string;
  number: number;
  size: number;
}

/** The values of a command line, by option name; absent where not given. */
export type Options = {
  readonly [Name in OptionName]?: KindValue[(typeof OPTIONS)[Name]['kind']];
};

export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

/** The table's entry, as what every entry has in common. */
export function optionSpec(name: OptionName): OptionSpec {
  return OPTIONS[name];
}

/** The option a long name means, directly or as an alias. */
export function findLong(name: string): OptionName | undefined {
  return OPTION_NAMES.find(
    (option) => option === name || optionSpec(option).aliases?.includes(name) === true,
  );
}

export function findShort(letter: string): OptionName | undefined {
  return OPTION_NAMES.find((option) => optionSpec(option).short === letter);
}

export function isAllowed(option: OptionName, action: ActionName): boolean {
  const { actions } = optionSpec(option);
  return actions === 'all' || actions.includes(action);
}
