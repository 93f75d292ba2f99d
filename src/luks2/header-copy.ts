import { equalConstantTime, hash, hashSize, isHashSupported, randomFill } from '../crypto/index.ts';
import { TscryptError } from '../errors.ts';
import type { HeaderCopy, Luks2Header } from './header.ts';
import { parseJson, printJson } from './json.ts';
import type { Metadata } from './metadata.ts';
import {
  BINARY_HEADER_SIZE,
  type BinaryHeader,
  CHECKSUM_SIZE,
  HEADER_SALT_SIZE,
  HEADER_SIZES,
  luks2HdrDisk,
  MAGIC_PRIMARY,
  MAGIC_SECONDARY,
  VERSION,
} from './ondisk.ts';
import { validateMetadata } from './validate.ts';

/** One copy of a header as bytes: binary header and JSON area. */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function magicOf(copy: HeaderCopy): Uint8Array {
  return copy === 'primary' ? MAGIC_PRIMARY : MAGIC_SECONDARY;
}

function invalid(field: string, message: string, offset: number): TscryptError {
  return new TscryptError('INVALID_FORMAT', `luks2_hdr_disk at ${offset}: ${field}: ${message}.`, {
    details: { structure: 'luks2_hdr_disk', field, offset },
  });
}

/** Whether `bytes` begin with the magic of this copy and LUKS version 2, valid or not. */
export function hasMagic(bytes: Uint8Array, copy: HeaderCopy): boolean {
  return (
    magicOf(copy).every((byte, index) => bytes[index] === byte) && bytes[6] === 0 && bytes[7] === VERSION
  );
}

/**
 * The binary header, with everything checked that can be before the JSON area is read.
 *
 * @param offset where `bytes` were read, bytes
 * @throws TscryptError NOT_RECOGNISED (no such magic), INVALID_FORMAT
 */
export function decodeBinaryHeader(bytes: Uint8Array, copy: HeaderCopy, offset: number): BinaryHeader {
  if (!hasMagic(bytes, copy)) {
    throw new TscryptError('NOT_RECOGNISED', `No ${copy} LUKS2 header at ${offset}.`, {
      details: { structure: 'luks2_hdr_disk', field: 'magic', offset },
    });
  }
  const header = luks2HdrDisk.decode(bytes);
  if (header.hdr_offset !== offset) throw invalid('hdr_offset', `says ${header.hdr_offset}`, offset);
  if (!HEADER_SIZES.includes(header.hdr_size))
    throw invalid('hdr_size', `${header.hdr_size} is no size of the format`, offset);
  if (copy === 'secondary' && header.hdr_size !== offset)
    throw invalid('hdr_size', 'differs from the offset of the secondary header', offset);
  if (!isHashSupported(header.checksum_alg) || hashSize(header.checksum_alg) > CHECKSUM_SIZE)
    throw invalid('checksum_alg', `"${header.checksum_alg}" is not supported`, offset);
  return header;
}

/**
 * A whole copy, checked against all rules of the format.
 *
 * @param bytes exactly `hdr_size` bytes
 * @throws TscryptError NOT_RECOGNISED, INVALID_FORMAT
 */
export function decodeCopy(bytes: Uint8Array, copy: HeaderCopy, offset: number): Luks2Header {
  const binary = decodeBinaryHeader(bytes, copy, offset);
  if (bytes.length !== binary.hdr_size) throw invalid('hdr_size', 'copy is incomplete', offset);
  if (!equalConstantTime(checksum(bytes, binary.checksum_alg), binary.csum))
    throw invalid('csum', 'checksum does not match', offset);
  return {
    version: VERSION,
    seqid: binary.seqid,
    hdrSize: binary.hdr_size,
    label: binary.label,
    subsystem: binary.subsystem,
    uuid: binary.uuid,
    checksumAlg: binary.checksum_alg,
    metadata: decodeJsonArea(bytes.subarray(BINARY_HEADER_SIZE), binary.hdr_size),
  };
}

function decodeJsonArea(area: Uint8Array, hdrSize: number): Metadata {
  const wrong = (message: string, offset: number) =>
    new TscryptError('INVALID_FORMAT', `LUKS2 JSON area: ${message} at byte ${offset}.`, {
      details: { structure: 'LUKS2 JSON', offset },
    });
  const length = area.indexOf(0);
  if (length < 0) throw wrong('no NUL byte behind the text', area.length);
  if (area[0] !== 0x7b) throw wrong('does not begin with "{"', 0);
  const rest = area.subarray(length).findIndex((byte) => byte !== 0);
  if (rest >= 0) throw wrong('bytes behind the text', length + rest);
  let text: string;
  try {
    text = decoder.decode(area.subarray(0, length));
  } catch {
    throw wrong('is not UTF-8', 0);
  }
  const { value, end } = parseJson(text);
  if (end !== text.length) throw wrong('text behind the JSON object', end);
  return validateMetadata(value, hdrSize);
}

/** The checksum field's content: over the copy with that field zeroed; zero behind a shorter hash. */
function checksum(copy: Uint8Array, algorithm: string): Uint8Array {
  const start = luks2HdrDisk.offsetOf.csum;
  const digest = hash(
    algorithm,
    copy.subarray(0, start),
    new Uint8Array(CHECKSUM_SIZE),
    copy.subarray(start + CHECKSUM_SIZE),
  );
  const field = new Uint8Array(CHECKSUM_SIZE);
  field.set(digest);
  return field;
}

/**
 * The bytes of one copy of `header` with a new salt.
 *
 * @throws TscryptError INVALID_FORMAT when the header breaks a rule; NO_SPACE when the JSON does not fit
 */
export function encodeCopy(header: Luks2Header, copy: HeaderCopy): Uint8Array<ArrayBuffer> {
  validateMetadata(header.metadata, header.hdrSize);
  const json = new TextEncoder().encode(printJson(header.metadata));
  const room = header.hdrSize - BINARY_HEADER_SIZE;
  // One byte stays for the NUL that ends the text.
  if (json.length > room - 1) {
    throw new TscryptError(
      'NO_SPACE',
      `The metadata needs ${json.length} bytes, the header has ${room - 1}.`,
      {
        details: { structure: 'LUKS2 JSON', expected: room - 1, found: json.length },
        hint: 'Remove keyslots or tokens, or format with a larger metadata size.',
      },
    );
  }
  const bytes = new Uint8Array(header.hdrSize);
  luks2HdrDisk.encodeInto(bytes, {
    magic: magicOf(copy),
    version: header.version,
    hdr_size: header.hdrSize,
    seqid: header.seqid,
    label: header.label,
    checksum_alg: header.checksumAlg,
    salt: randomFill(new Uint8Array(HEADER_SALT_SIZE)),
    uuid: header.uuid,
    subsystem: header.subsystem,
    hdr_offset: copy === 'primary' ? 0 : header.hdrSize,
    _padding: undefined,
    csum: new Uint8Array(CHECKSUM_SIZE),
    _padding4096: undefined,
  });
  bytes.set(json, BINARY_HEADER_SIZE);
  bytes.set(checksum(bytes, header.checksumAlg), luks2HdrDisk.offsetOf.csum);
  return bytes;
}
