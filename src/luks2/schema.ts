import * as v from 'valibot';
import { TscryptError } from '../errors.ts';
import type { Metadata } from './metadata.ts';
import { MAX_DIGESTS, MAX_KEYSLOTS, MAX_SEGMENTS, MAX_TOKENS } from './ondisk.ts';

/**
 * The shape of the JSON metadata: which members there must be and of what type (specification, section 3).
 * Members nobody here knows are let through everywhere. What members mean to each other is `validate.ts`'s.
 */

const UINT64_MAX = 2n ** 64n - 1n;
const UINT32_MAX = 2 ** 32 - 1;

/** An unsigned 64-bit number from its decimal text, `undefined` when it is none. */
export function parseUint64(text: string): bigint | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value <= UINT64_MAX ? value : undefined;
}

/** To valibot an array is an object too. */
const noArray = v.check((value: unknown) => !Array.isArray(value), 'Expected Object but received Array');
const object = <E extends v.ObjectEntries>(entries: E) =>
  v.pipe(v.unknown(), noArray, v.looseObject(entries));

const uint64 = v.pipe(
  v.string(),
  v.check((text) => parseUint64(text) !== undefined, 'unsigned 64-bit number expected'),
);
const uint32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(UINT32_MAX));
const positive32 = v.pipe(uint32, v.minValue(1));
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(255));
const base64 = v.pipe(
  v.string(),
  v.maxLength(1024),
  v.regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'base64 expected'),
  v.minLength(4),
);
const ids = v.pipe(
  v.array(v.string()),
  v.maxLength(256),
  v.check((list) => new Set(list).size === list.length, 'an id occurs twice'),
);
const flags = v.array(v.string());

const numbered = <T extends v.GenericSchema>(limit: number, entry: T) =>
  v.pipe(
    v.unknown(),
    noArray,
    v.record(
      v.pipe(
        v.string(),
        v.check((id) => /^(?:0|[1-9]\d?)$/.test(id) && Number(id) < limit, `id below ${limit} expected`),
      ),
      entry,
    ),
  );

/** Objects of a known type must have that type's members; the others pass as they are. */
const byType = <T extends v.GenericSchema<unknown, { type: string }>>(
  base: T,
  known: Readonly<Record<string, v.GenericSchema>>,
) =>
  v.pipe(
    base,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const schema = Object.hasOwn(known, dataset.value.type) ? known[dataset.value.type] : undefined;
      const issue = schema && v.safeParse(schema, dataset.value).issues?.[0];
      if (issue) addIssue({ message: `${v.getDotPath(issue) ?? ''}: ${issue.message}` });
    }),
  );

const argon2Kdf = object({ time: positive32, memory: positive32, cpus: positive32 });

/** Old headers name a kind `argon2`, which is read and shown but never opened. */
const kdf = byType(object({ type: v.string(), salt: base64 }), {
  pbkdf2: object({ hash: name, iterations: positive32 }),
  argon2: argon2Kdf,
  argon2i: argon2Kdf,
  argon2id: argon2Kdf,
});

const anyKeyslot = object({
  type: v.string(),
  key_size: uint32,
  area: object({ type: v.string(), offset: uint64, size: uint64 }),
  priority: v.optional(v.pipe(uint32, v.maxValue(2))),
});

const luks2Keyslot = object({
  key_size: positive32,
  area: object({ type: v.literal('raw'), encryption: name, key_size: positive32 }),
  af: object({ type: v.literal('luks1'), stripes: uint32, hash: name }),
  kdf,
});

const reencryptKeyslot = object({
  mode: v.string(),
  direction: v.picklist(['forward', 'backward']),
});

const anySegment = object({
  type: v.string(),
  offset: uint64,
  size: v.union([v.literal('dynamic'), uint64]),
  flags: v.optional(flags),
});

const cryptSegment = object({
  iv_tweak: uint64,
  encryption: name,
  sector_size: uint32,
  integrity: v.optional(
    object({ type: v.string(), journal_encryption: v.string(), journal_integrity: v.string() }),
  ),
});

const anyDigest = object({ type: v.string(), keyslots: ids, segments: ids });

const pbkdf2Digest = object({ salt: base64, digest: base64, hash: name, iterations: positive32 });

const metadata = object({
  keyslots: numbered(MAX_KEYSLOTS, byType(anyKeyslot, { luks2: luks2Keyslot, reencrypt: reencryptKeyslot })),
  tokens: numbered(MAX_TOKENS, object({ type: v.string(), keyslots: ids })),
  segments: numbered(MAX_SEGMENTS, byType(anySegment, { crypt: cryptSegment })),
  digests: numbered(MAX_DIGESTS, byType(anyDigest, { pbkdf2: pbkdf2Digest })),
  config: object({
    json_size: uint64,
    keyslots_size: uint64,
    flags: v.optional(flags),
    requirements: v.optional(object({ mandatory: v.optional(flags) })),
  }),
});

/**
 * `value` itself, known to have the shape of LUKS2 metadata.
 *
 * @throws TscryptError INVALID_FORMAT naming the first member that is missing or of the wrong type
 */
export function checkShape(value: unknown): Metadata {
  const result = v.safeParse(metadata, value, { abortEarly: true });
  if (result.success) return value as Metadata;
  const [issue] = result.issues;
  const field = v.getDotPath(issue) ?? undefined;
  throw new TscryptError('INVALID_FORMAT', `LUKS2 metadata: ${field ?? 'top level'}: ${issue.message}`, {
    details: { structure: 'LUKS2 JSON', field },
  });
}
