import { bytes, type Field, layout, reserved, u16be, u64be } from '../codec/layout.ts';
import { KIB, MIB } from '../units.ts';

// Specification constants: LUKS2 On-Disk Format Specification 1.1, section 2.

/** `LUKS` BA BE, at offset 0. */
export const MAGIC_PRIMARY = Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe);
/** `SKUL` BA BE, at offset hdr_size. */
export const MAGIC_SECONDARY = Uint8Array.of(0x53, 0x4b, 0x55, 0x4c, 0xba, 0xbe);

export const VERSION = 2;

/** Bytes of the binary header; the JSON area follows. */
export const BINARY_HEADER_SIZE = 4096;

/** Every size one copy may have, which is also every offset the secondary one may have. */
export const HEADER_SIZES: readonly number[] = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map(
  (kib) => kib * KIB,
);

export const MAX_KEYSLOTS_SIZE = 128 * MIB;
export const MAX_KEYSLOTS = 32;
export const MAX_TOKENS = 32;
export const MAX_SEGMENTS = 32;
export const MAX_DIGESTS = 8;

/** Areas and the keyslots area are made of these. */
export const AREA_ALIGNMENT = 4096;

/** The only number of stripes the format knows. */
export const AF_STRIPES = 4000;

export const SALT_SIZE = 32;
export const HEADER_SALT_SIZE = 64;
export const LABEL_SIZE = 48;
const UUID_SIZE = 40;
export const CHECKSUM_SIZE = 64;

export const CHECKSUM_ALG = 'sha256';

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Text as C keeps it in a field of `size` bytes: up to the first NUL, the last byte never counts. Labels
 * may be in any encoding; a byte that is not UTF-8 becomes the lone surrogate U+DC00 + byte and turns back
 * into that byte when written, so rewriting a header never changes somebody's label.
 */
function text(size: number): Field<string> {
  return {
    size,
    read(view, at) {
      const field = new Uint8Array(view.buffer, view.byteOffset + at, size - 1);
      const end = field.indexOf(0);
      return decodeText(end < 0 ? field : field.subarray(0, end));
    },
    write(view, at, value) {
      const content = encodeText(value);
      if (content.length >= size)
        throw new RangeError(`text of ${content.length} bytes does not fit ${size - 1}`);
      const field = new Uint8Array(view.buffer, view.byteOffset + at, size);
      field.fill(0);
      field.set(content);
    },
  };
}

function decodeText(content: Uint8Array): string {
  try {
    return strictDecoder.decode(content);
  } catch {
    return Array.from(content, (byte) => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join('');
  }
}

/** The bytes of a label, subsystem or UUID as they stand in the binary header, without the NUL. */
export function encodeText(value: string): Uint8Array {
  const parts = value.split(/([\udc80-\udcff])/u);
  if (parts.length === 1) return encoder.encode(value);
  return Uint8Array.from(
    parts.flatMap((part) =>
      /^[\udc80-\udcff]$/u.test(part) ? [part.charCodeAt(0) - 0xdc00] : [...encoder.encode(part)],
    ),
  );
}

/** `struct luks2_hdr_disk`, the binary header (specification, section 2.1). */
export const luks2HdrDisk = layout('luks2_hdr_disk', BINARY_HEADER_SIZE, {
  magic: bytes(6),
  version: u16be,
  /** Bytes of this copy with its JSON area. */
  hdr_size: u64be,
  seqid: u64be,
  label: text(LABEL_SIZE),
  checksum_alg: text(32),
  /** Different in each copy, so that two copies never have the same checksum. */
  salt: bytes(HEADER_SALT_SIZE),
  uuid: text(UUID_SIZE),
  subsystem: text(LABEL_SIZE),
  /** Bytes from the start of the device to this copy. */
  hdr_offset: u64be,
  _padding: reserved(184),
  /** Over the whole copy, this field counted as zeroes. */
  csum: bytes(CHECKSUM_SIZE),
  _padding4096: reserved(7 * 512),
});

export type BinaryHeader = ReturnType<typeof luks2HdrDisk.decode>;
