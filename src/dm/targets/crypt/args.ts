import { Secret } from '../../../crypto/secret.ts';
import { TscryptError } from '../../../errors.ts';
import { secretFromHex } from '../../../table/secrets.ts';
import type { TableArg, TableLine } from '../../../table/spec.ts';
import { isPowerOfTwo, SECTOR_SIZE } from '../../../units.ts';
import { refuse, textArg } from '../arguments.ts';

/**
 * The arguments of a crypt line, `<cipher> <key> <iv_offset> <device> <offset> [<#opt> <opt>…]`
 * (Documentation/admin-guide/device-mapper/dm-crypt.rst).
 */
export interface CryptWords {
  readonly cipher: string;
  readonly key: TableArg;
  readonly ivOffset: TableArg | undefined;
  readonly device: TableArg | undefined;
  readonly offset: TableArg | undefined;
  readonly options: CryptOptions;
}

export interface CryptOptions {
  readonly allowDiscards: boolean;
  /** The flags below choose where the kernel works; here they are kept and printed. */
  readonly sameCpuCrypt: boolean;
  readonly highPriority: boolean;
  readonly submitFromCryptCpus: boolean;
  readonly noReadWorkqueue: boolean;
  readonly noWriteWorkqueue: boolean;
  /** Bytes of an encryption sector. */
  readonly sectorSize: number;
  readonly ivLargeSectors: boolean;
  /** Bytes; without authenticated encryption it has no effect, as in the kernel. */
  readonly integrityKeySize: number | undefined;
}

const FLAGS = {
  allow_discards: 'allowDiscards',
  same_cpu_crypt: 'sameCpuCrypt',
  high_priority: 'highPriority',
  submit_from_crypt_cpus: 'submitFromCryptCpus',
  no_read_workqueue: 'noReadWorkqueue',
  no_write_workqueue: 'noWriteWorkqueue',
  iv_large_sectors: 'ivLargeSectors',
} as const satisfies Record<string, keyof CryptOptions>;

const DEFAULTS: CryptOptions = {
  allowDiscards: false,
  sameCpuCrypt: false,
  highPriority: false,
  submitFromCryptCpus: false,
  noReadWorkqueue: false,
  noWriteWorkqueue: false,
  sectorSize: SECTOR_SIZE,
  ivLargeSectors: false,
  integrityKeySize: undefined,
};

const REQUIRED = 5;
const MAX_OPTIONS = 9;
/** MAX_TAG_SIZE of dm-crypt.c. */
const MAX_TAG_SIZE = 480;

/**
 * Reads the words that need no device and no cipher, in the order in which the kernel checks them.
 *
 * @throws TscryptError INVALID_ARGUMENT with the kernel's text; NOT_SUPPORTED for integrity
 */
export function parseCryptWords(line: TableLine): CryptWords {
  const [cipher, key, ivOffset, device, offset, ...rest] = line.args;
  if (key === undefined || line.args.length < REQUIRED) refuse('Not enough arguments');
  return {
    options: rest.length === 0 ? DEFAULTS : parseOptions(rest, line.length),
    cipher: textArg(cipher, 'Bad cipher specification'),
    key,
    ivOffset,
    device,
    offset,
  };
}

function parseOptions(args: readonly TableArg[], length: number): CryptOptions {
  const words = args.map((arg) => textArg(arg, 'Invalid feature arguments'));
  const [first = '', ...options] = words;
  const count = /^\d+$/.test(first) ? Number(first) : Number.NaN;
  if (!(count <= MAX_OPTIONS && count <= options.length)) refuse('Invalid number of feature args');
  const parsed: { -readonly [K in keyof CryptOptions]: CryptOptions[K] } = { ...DEFAULTS };
  for (const option of options.slice(0, count)) {
    const flag = FLAGS[option.toLowerCase() as keyof typeof FLAGS];
    const [, name, value] = /^(sector_size|integrity_key_size):(\d+)$/.exec(option) ?? [];
    if (flag) parsed[flag] = true;
    else if (name === 'sector_size') parsed.sectorSize = parseSectorSize(Number(value), length);
    else if (name === 'integrity_key_size') parsed.integrityKeySize = parseIntegrityKeySize(Number(value));
    else refuseOption(option);
  }
  return parsed;
}

function parseSectorSize(sectorSize: number, length: number): number {
  if (!isPowerOfTwo(sectorSize) || sectorSize < SECTOR_SIZE || sectorSize > 4096) {
    refuse('Invalid feature value for sector_size', { found: sectorSize });
  }
  if (length % (sectorSize / SECTOR_SIZE) !== 0) {
    refuse('Device size is not multiple of sector_size feature', { length, sectorSize });
  }
  return sectorSize;
}

function parseIntegrityKeySize(size: number): number {
  return size > 0 ? size : refuse('Invalid integrity_key_size argument');
}

function refuseOption(option: string): never {
  const [, tag, profile] = /^integrity:(\d+):(.*)$/.exec(option) ?? [];
  if (tag === undefined) refuse('Invalid feature arguments');
  if (Number(tag) === 0 || Number(tag) > MAX_TAG_SIZE)
    refuse('Invalid integrity arguments', { found: option });
  if (!/^(aead|none)$/i.test(profile ?? '')) refuse('Unknown integrity profile', { found: option });
  throw new TscryptError('NOT_SUPPORTED', 'Authenticated encryption (integrity) is not supported.', {
    details: { option },
  });
}

/**
 * The key of a line or message, in memory of its own; empty for `-`. Whether the size fits the cipher is not
 * checked here.
 *
 * @throws TscryptError INVALID_ARGUMENT when it is no hex; NOT_SUPPORTED for a key in the kernel's keyring
 */
export function parseKey(arg: TableArg): Secret {
  if (arg instanceof Secret) return Secret.copy(arg.bytes);
  if (arg === '-') return new Secret(0);
  if (arg.startsWith(':')) {
    throw new TscryptError('NOT_SUPPORTED', 'Volume keys in the kernel keyring are not supported.', {
      hint: 'Give the key itself.',
    });
  }
  return secretFromHex(arg) ?? refuse('Error decoding and setting key');
}

/** The optional arguments with their count before them, in the kernel's fixed order; nothing if there are none. */
export function formatOptions(options: CryptOptions): readonly string[] {
  const words: string[] = [];
  const flags = Object.entries(FLAGS).filter(([word]) => word !== 'iv_large_sectors');
  for (const [word, key] of flags) if (options[key]) words.push(word);
  if (options.sectorSize !== SECTOR_SIZE) words.push(`sector_size:${options.sectorSize}`);
  if (options.ivLargeSectors) words.push('iv_large_sectors');
  if (options.integrityKeySize !== undefined) words.push(`integrity_key_size:${options.integrityKeySize}`);
  return words.length === 0 ? [] : [String(words.length), ...words];
}
