import { TscryptError } from '../errors.ts';
import { isPowerOfTwo } from '../units.ts';

/**
 * What a cipher string says, in dm-crypt's words (kernel, `Documentation/admin-guide/device-mapper/dm-crypt.rst`):
 * `cipher[:keycount]-chainmode-ivmode[:ivopts]`, or `capi:chainmode(cipher)-ivmode[:ivopts]`.
 */
export interface CipherSpec {
  /** The kernel's name of the cipher: `aes`, `camellia`, `cipher_null`. */
  readonly cipher: string;
  /** Into how many equal keys the key is cut; a power of two, 1 nearly always. */
  readonly keyCount: number;
  /** Chaining mode: `xts`, `cbc`, `ecb`, `ctr`. */
  readonly mode: string;
  /** IV mode: `plain64`, `essiv`, …; undefined where the mode takes none (`ecb`). */
  readonly iv: string | undefined;
  /** What stands behind the IV mode's colon: `sha256` of `essiv:sha256`. */
  readonly ivOptions: string | undefined;
  /** Written in the `capi:` form, the kernel's crypto API notation. */
  readonly capi: boolean;
}

const NAME = '[a-z0-9_,]+';
const IV = '([a-z0-9]+)(?::(.*))?';
const LEGACY = new RegExp(`^(${NAME})(?::([^-]*))?(?:-(${NAME})(?:-${IV})?)?$`);
const CAPI = new RegExp(`^(${NAME})\\((${NAME})\\)(?:-${IV})?$`);

/** Implementation limit, several times what the kernel and cryptsetup take. */
const MAX_LENGTH = 256;

/** Chaining modes that take no IV. */
const WITHOUT_IV = new Set(['ecb']);

/**
 * @param text for example `aes-xts-plain64`, `aes-cbc-essiv:sha256`, `aes:4-cbc-plain64`, `aes` and
 *   `aes-plain` (both `aes-cbc-plain`), `cipher_null` or `null` (both `cipher_null-ecb`), `capi:xts(aes)-plain64`
 * @throws TscryptError INVALID_ARGUMENT when the text is no cipher specification; NOT_SUPPORTED when it is
 *   one of the kernel's composed algorithms (`capi:authenc(…)`, `capi:gcm(aes)-random` and the like)
 */
export function parseCipherSpec(text: string): CipherSpec {
  if (text.length > MAX_LENGTH) throw malformed(`${text.slice(0, MAX_LENGTH)}…`, `${MAX_LENGTH} characters`);
  if (text.startsWith('capi:')) return parseCapi(text, text.slice('capi:'.length));
  if (text === 'null' || text === 'cipher_null') return parseCipherSpec('cipher_null-ecb');
  const match = LEGACY.exec(text);
  if (!match?.[1]) throw malformed(text, 'cipher[:keycount]-mode-iv[:ivopts]');
  const [, cipher, count, mode, iv, ivOptions] = match;
  const keyCount = count === undefined ? 1 : parseKeyCount(text, count);
  if (mode === undefined || (mode === 'plain' && iv === undefined)) {
    return { cipher, keyCount, mode: 'cbc', iv: 'plain', ivOptions: undefined, capi: false };
  }
  return checked(text, { cipher, keyCount, mode, iv, ivOptions, capi: false });
}

function parseCapi(text: string, api: string): CipherSpec {
  const match = CAPI.exec(api);
  if (!match?.[1] || !match[2]) {
    if (/^[a-z0-9_-]+(\(.*\))?(-[a-z0-9]+(:.*)?)?$/.test(api)) {
      throw new TscryptError('NOT_SUPPORTED', `Cipher ${text} is not supported.`, {
        details: { cipher: text },
      });
    }
    throw malformed(text, 'capi:mode(cipher)-iv[:ivopts]');
  }
  const [, mode, cipher, iv, ivOptions] = match;
  return checked(text, { cipher, keyCount: 1, mode, iv, ivOptions, capi: true });
}

function parseKeyCount(text: string, count: string): number {
  const keyCount = /^\d{1,9}$/.test(count) ? Number(count) : 0;
  if (!isPowerOfTwo(keyCount)) {
    throw new TscryptError('INVALID_ARGUMENT', `Bad cipher key count specification in "${text}".`, {
      details: { cipher: text, field: 'keycount', found: count, expected: 'a power of two' },
    });
  }
  return keyCount;
}

function checked(text: string, spec: CipherSpec): CipherSpec {
  if (spec.iv === undefined && !WITHOUT_IV.has(spec.mode)) {
    throw new TscryptError('INVALID_ARGUMENT', `IV mechanism required in "${text}".`, {
      details: { cipher: text, field: 'ivmode' },
    });
  }
  if (spec.iv === 'essiv' && !spec.ivOptions) {
    throw new TscryptError('INVALID_ARGUMENT', `Digest algorithm missing for ESSIV mode in "${text}".`, {
      details: { cipher: text, field: 'ivopts' },
    });
  }
  return spec;
}

function malformed(text: string, expected: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `"${text}" is no cipher specification.`, {
    details: { cipher: text, expected },
  });
}

/** The full form of a specification; `parseCipherSpec(formatCipherSpec(spec))` gives `spec` back. */
export function formatCipherSpec(spec: CipherSpec): string {
  const options = spec.ivOptions === undefined ? '' : `:${spec.ivOptions}`;
  const iv = spec.iv === undefined ? '' : `-${spec.iv}${options}`;
  if (spec.capi) return `capi:${spec.mode}(${spec.cipher})${iv}`;
  const keyCount = spec.keyCount === 1 ? '' : `:${spec.keyCount}`;
  return `${spec.cipher}${keyCount}-${spec.mode}${iv}`;
}

/** dm-crypt's cipher that changes nothing and takes no key (`-` in a table). */
export function isNullCipher(spec: CipherSpec): boolean {
  return spec.cipher === 'cipher_null';
}
