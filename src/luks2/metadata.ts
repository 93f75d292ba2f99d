/**
 * The JSON metadata of a LUKS2 header (LUKS2 On-Disk Format Specification, section 3 "LUKS2 JSON").
 *
 * These types name the members this program reads. Every object may carry more, which is kept as it is
 * and written back in its place. 64-bit numbers are decimal strings, as the specification wants them.
 */
type JsonObject = { [member: string]: unknown };

/** An unsigned 64-bit number in decimal, for example `"16777216"`. */
type Uint64Text = string;

export interface Metadata extends JsonObject {
  keyslots: Record<string, Keyslot>;
  tokens: Record<string, Token>;
  segments: Record<string, Segment>;
  digests: Record<string, Digest>;
  config: Config;
}

/** Where a keyslot's binary data lies and how it is encrypted. Bytes from the start of the header device. */
export interface Area extends JsonObject {
  type: string;
  offset: Uint64Text;
  size: Uint64Text;
  /** Only in areas of type `raw`. */
  encryption?: string;
  /** Bytes; only in areas of type `raw`. */
  key_size?: number;
}

interface AntiForensicSplitter extends JsonObject {
  type: string;
  stripes: number;
  hash: string;
}

export interface Pbkdf2Kdf extends Kdf {
  type: 'pbkdf2';
  hash: string;
  iterations: number;
}

export interface Argon2Kdf extends Kdf {
  type: 'argon2i' | 'argon2id';
  time: number;
  /** KiB. */
  memory: number;
  cpus: number;
}

/** `type` is one of the two's, or one that cannot be opened here. */
export interface Kdf extends JsonObject {
  type: string;
  salt: string;
}

export interface Keyslot extends JsonObject {
  type: string;
  /** Bytes of the key stored in it. */
  key_size: number;
  area: Area;
  /** 0 ignore, 1 normal (the default), 2 prefer. */
  priority?: number;
}

/** A keyslot of type `luks2`: the only kind that opens with a passphrase. */
export interface Luks2Keyslot extends Keyslot {
  type: 'luks2';
  af: AntiForensicSplitter;
  kdf: Kdf;
}

export interface Token extends JsonObject {
  type: string;
  /** Ids of the keyslots this token opens. */
  keyslots: string[];
}

export interface Segment extends JsonObject {
  type: string;
  offset: Uint64Text;
  /** Bytes, or `dynamic` = up to the end of the device. */
  size: Uint64Text;
  flags?: string[];
}

export interface CryptSegment extends Segment {
  type: 'crypt';
  /** Added to the sector number for the IV, 512-byte units. */
  iv_tweak: Uint64Text;
  encryption: string;
  sector_size: number;
}

export interface Digest extends JsonObject {
  type: string;
  keyslots: string[];
  segments: string[];
  salt: string;
  digest: string;
}

export interface Pbkdf2Digest extends Digest {
  type: 'pbkdf2';
  hash: string;
  iterations: number;
}

interface Config extends JsonObject {
  /** Bytes of one copy's JSON area (`hdr_size` − 4096). */
  json_size: Uint64Text;
  /** Bytes of the keyslots area. */
  keyslots_size: Uint64Text;
  /** Activation flags that persist: `allow-discards`, `no-read-workqueue` … */
  flags?: string[];
  requirements?: JsonObject & { mandatory?: string[] };
}
