import { TscryptError } from '../errors.ts';

/**
 * Declarative binary layouts: the order of the fields *is* the format, offsets follow from it, and the
 * total size is asserted when the module loads, so reader and writer cannot drift apart.
 */
export interface Field<T> {
  /** Bytes the field occupies. */
  readonly size: number;
  read(view: DataView, at: number): T;
  write(view: DataView, at: number, value: T): void;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
export type Decoded<F extends Fields> = { -readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export interface Layout<F extends Fields> {
  readonly name: string;
  /** Bytes of the whole structure. */
  readonly size: number;
  /** Byte offset of each field. */
  readonly offsetOf: Readonly<Record<keyof F, number>>;
  /**
   * @throws TscryptError INVALID_FORMAT when `bytes` is too short or a 64-bit field exceeds 2^53−1
   */
  decode(bytes: Uint8Array, at?: number): Decoded<F>;
  /** Writes `value` into `into` at `at`; every byte of the structure is written. */
  encodeInto(into: Uint8Array, value: Decoded<F>, at?: number): void;
  encode(value: Decoded<F>): Uint8Array<ArrayBuffer>;
}

/**
 * @param name the structure's name in its specification
 * @param size its size in bytes there; a declaration that adds up to another one throws at load
 */
export function layout<F extends Fields>(name: string, size: number, fields: F): Layout<F> {
  const entries = Object.entries(fields);
  const offsets: Record<string, number> = {};
  let end = 0;
  for (const [key, field] of entries) {
    offsets[key] = end;
    end += field.size;
  }
  if (end !== size) throw new Error(`layout ${name}: fields add up to ${end} bytes, not ${size}`);
  const offsetOf = offsets as Record<keyof F, number>;

  const decode = (bytes: Uint8Array, at = 0): Decoded<F> => {
    if (at < 0 || bytes.length < at + size) {
      throw new TscryptError('INVALID_FORMAT', `${name}: ${size} bytes needed, ${bytes.length - at} there`, {
        details: { structure: name, offset: at, expected: size, found: bytes.length - at },
      });
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, size);
    const result: Record<string, unknown> = {};
    let position = 0;
    for (const [key, field] of entries) {
      try {
        result[key] = field.read(view, position);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new TscryptError('INVALID_FORMAT', `${name}.${key}: ${error.message}`, {
          details: { structure: name, field: key, offset: at + position },
          cause: error,
        });
      }
      position += field.size;
    }
    return result as Decoded<F>;
  };

  const encodeInto = (into: Uint8Array, value: Decoded<F>, at = 0): void => {
    const view = new DataView(into.buffer, into.byteOffset + at, size);
    let position = 0;
    for (const [key, field] of entries) {
      field.write(view, position, (value as Record<string, unknown>)[key]);
      position += field.size;
    }
  };

  const encode = (value: Decoded<F>): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(size);
    encodeInto(bytes, value);
    return bytes;
  };

  return { name, size, offsetOf, decode, encodeInto, encode };
}

function integer(
  size: number,
  max: number,
  get: (v: DataView, at: number) => number,
  set: (v: DataView, at: number, n: number) => void,
): Field<number> {
  return {
    size,
    read: get,
    write(view, at, value) {
      if (!Number.isInteger(value) || value < 0 || value > max)
        throw new RangeError(`${value} does not fit ${size * 8} bits`);
      set(view, at, value);
    },
  };
}

export const u16be = integer(
  2,
  0xffff,
  (v, at) => v.getUint16(at),
  (v, at, n) => v.setUint16(at, n),
);
export const u32be = integer(
  4,
  0xffff_ffff,
  (v, at) => v.getUint32(at),
  (v, at, n) => v.setUint32(at, n),
);

export const u8 = integer(
  1,
  0xff,
  (v, at) => v.getUint8(at),
  (v, at, n) => v.setUint8(at, n),
);

export const u16le = integer(
  2,
  0xffff,
  (v, at) => v.getUint16(at, true),
  (v, at, n) => v.setUint16(at, n, true),
);

export const u32le = integer(
  4,
  0xffff_ffff,
  (v, at) => v.getUint32(at, true),
  (v, at, n) => v.setUint32(at, n, true),
);

/** A 64-bit number that this program can count with: above 2^53−1 it is refused, not rounded. */
export const u64be: Field<number> = integer(
  8,
  Number.MAX_SAFE_INTEGER,
  (view, at) => {
    const value = view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new RangeError('exceeds 2^53-1');
    return value;
  },
  (view, at, value) => {
    view.setUint32(at, Math.floor(value / 0x1_0000_0000));
    view.setUint32(at + 4, value >>> 0);
  },
);

/** {@link u64be}, least significant byte first. */
export const u64le: Field<number> = integer(
  8,
  Number.MAX_SAFE_INTEGER,
  (view, at) => {
    const value = view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
    if (!Number.isSafeInteger(value)) throw new RangeError('exceeds 2^53-1');
    return value;
  },
  (view, at, value) => {
    view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
    view.setUint32(at, value >>> 0, true);
  },
);

/** A 64-bit number of which every bit counts (NBD cookies, magic numbers). */
export const u64beBig: Field<bigint> = {
  size: 8,
  read: (view, at) => view.getBigUint64(at),
  write: (view, at, value) => view.setBigUint64(at, value),
};

/** {@link u64beBig}, least significant byte first. */
export const u64leBig: Field<bigint> = {
  size: 8,
  read: (view, at) => view.getBigUint64(at, true),
  write: (view, at, value) => view.setBigUint64(at, value, true),
};

/** Raw bytes; decoding copies them, so the result outlives the buffer it came from. */
export function bytes(size: number): Field<Uint8Array> {
  return {
    size,
    read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size).slice(),
    write(view, at, value) {
      if (value.length !== size) throw new RangeError(`${value.length} bytes given, ${size} needed`);
      new Uint8Array(view.buffer, view.byteOffset + at, size).set(value);
    },
  };
}

/** Bytes the format leaves to nobody: ignored when read, zero when written. */
export function reserved(size: number): Field<undefined> {
  return {
    size,
    read: () => undefined,
    write: (view, at) => {
      new Uint8Array(view.buffer, view.byteOffset + at, size).fill(0);
    },
  };
}
