import { EXPORT_CHOICES } from '../../daemon/request.ts';
import type { ActionName } from './actions.ts';
import { OPTION_NAMES, type OptionName, type Options } from './registry.ts';
import { usageError } from './values.ts';

/**
 * Every check that an option makes on itself or on another, in cryptsetup's words, before anything is opened.
 *
 * @throws TscryptError INVALID_ARGUMENT, a usage error
 */
export function checkOptions(options: Options, action: ActionName): void {
  for (const check of CHECKS) {
    const message = check(options, action);
    if (message !== undefined) throw usageError(message);
  }
}

/** The message where the rule is broken. */
type Check = (options: Options, action: ActionName) => string | undefined;

const PBKDF_TYPES = ['pbkdf2', 'argon2i', 'argon2id'];
const PARALLEL_MAX = 4;
const MEMORY_MINIMUM_KIB = 32;
const MEMORY_MAXIMUM_KIB = 4_194_304;
const KEYSLOT_MAXIMUM = 31;
const PBKDF2_MINIMUM = 1000;
const ARGON2_MINIMUM = 4;
const SECTOR_SIZES = [512, 1024, 2048, 4096];
const TYPES = ['luks', 'luks2'];

function broken(when: boolean, message: string): string | undefined {
  return when ? message : undefined;
}

function both(options: Options, one: OptionName, other: OptionName): boolean {
  return options[one] !== undefined && options[other] !== undefined;
}

const CHECKS: readonly Check[] = [
  (o) => broken((o['key-slot'] ?? 0) < 0 || (o['new-key-slot'] ?? 0) < 0, 'Key slot is invalid.'),
  (o, action) => {
    // Alone, --key-slot of luksAddKey names the new keyslot.
    const fresh = action === 'luksFormat' || action === 'luksAddKey';
    const keyslot = o['new-key-slot'] ?? (fresh ? o['key-slot'] : undefined) ?? 0;
    return broken(
      keyslot > KEYSLOT_MAXIMUM,
      `Key slot ${keyslot} is invalid, please select between 0 and ${KEYSLOT_MAXIMUM}.`,
    );
  },
  (o) => {
    const negative = OPTION_NAMES.find((name) => {
      const value = o[name];
      return typeof value === 'number' && value < 0;
    });
    return negative && `--${negative}: invalid numeric value`;
  },
  (o, action) =>
    broken(
      action !== 'isLuks' && o.type !== undefined && !TYPES.includes(o.type),
      `Device type ${o.type} is not available in this version; luks and luks2 are.`,
    ),
  (o) =>
    broken(
      (o['key-size'] ?? 0) % 8 !== 0 || (o['keyslot-key-size'] ?? 0) % 8 !== 0,
      'Key size must be a multiple of 8 bits',
    ),
  (o) =>
    broken(
      o.pbkdf !== undefined && !PBKDF_TYPES.includes(o.pbkdf),
      'Password-based key derivation function (PBKDF) can be only pbkdf2 or argon2i/argon2id.',
    ),
  (o) =>
    broken(
      (o['pbkdf-parallel'] ?? 0) > PARALLEL_MAX,
      `Requested maximum PBKDF parallel cost is too high (maximum is ${PARALLEL_MAX}).`,
    ),
  (o) =>
    broken(
      (o['pbkdf-memory'] ?? MEMORY_MINIMUM_KIB) < MEMORY_MINIMUM_KIB,
      `Forced memory cost is too low for ${o.pbkdf ?? 'argon2id'} (minimum is ${MEMORY_MINIMUM_KIB} kilobytes).`,
    ),
  (o) =>
    broken(
      (o['pbkdf-memory'] ?? 0) > MEMORY_MAXIMUM_KIB,
      `Requested maximum PBKDF memory cost is too high (maximum is ${MEMORY_MAXIMUM_KIB} kilobytes).`,
    ),
  (o) => {
    const { pbkdf = 'argon2id', 'pbkdf-force-iterations': iterations } = o;
    const minimum = pbkdf === 'pbkdf2' ? PBKDF2_MINIMUM : ARGON2_MINIMUM;
    return broken(
      iterations !== undefined && iterations < minimum,
      `Forced iteration count is too low for ${pbkdf} (minimum is ${minimum}).`,
    );
  },
  (o) =>
    broken(
      both(o, 'pbkdf-force-iterations', 'iter-time'),
      'PBKDF forced iterations cannot be combined with iteration time option.',
    ),
  (o) =>
    broken(
      (o['keyslot-cipher'] === undefined) !== (o['keyslot-key-size'] === undefined),
      'Options --keyslot-cipher and --keyslot-key-size must be used together.',
    ),
  (o) =>
    broken(both(o, 'align-payload', 'offset'), 'Options --align-payload and --offset cannot be combined.'),
  (o) => broken(both(o, 'use-random', 'use-urandom'), 'Only one of --use-[u]random options is allowed.'),
  (o) =>
    broken(
      o['sector-size'] !== undefined && !SECTOR_SIZES.includes(o['sector-size']),
      'Unsupported encryption sector size.',
    ),
  (o) =>
    broken(
      both(o, 'persistent', 'test-passphrase'),
      'Option --persistent is not allowed with --test-passphrase.',
    ),
  (o) =>
    broken(
      both(o, 'json', 'dump-volume-key') && o['volume-key-file'] === undefined,
      'Option --dump-volume-key needs --volume-key-file with --json: keys are never written as JSON.',
    ),
  (o) =>
    broken(
      both(o, 'deferred', 'cancel-deferred'),
      'Options --cancel-deferred and --deferred cannot be used at the same time.',
    ),
  (o) =>
    broken(
      o.export !== undefined && !EXPORT_CHOICES.some((choice) => choice === o.export),
      `Export ${o.export} is unknown; there are ${EXPORT_CHOICES.join(', ')}.`,
    ),
  (o) =>
    broken(
      (o['nbd-tls-certificate'] === undefined) !== (o['nbd-tls-key'] === undefined),
      'Options --nbd-tls-certificate and --nbd-tls-key must be used together.',
    ),
  (o) =>
    broken(
      o['nbd-listen'] === undefined && (o['nbd-tls-certificate'] ?? o['nbd-tls-ca']) !== undefined,
      'Options --nbd-tls-… need --nbd-listen.',
    ),
  (o) =>
    broken(
      o['nbd-tls-ca'] !== undefined && o['nbd-tls-certificate'] === undefined,
      'Option --nbd-tls-ca needs --nbd-tls-certificate.',
    ),
];
