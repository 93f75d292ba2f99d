import type { TscryptError } from '../../errors.ts';
import { disposeTable } from '../../table/secrets.ts';
import type { TableSpec } from '../../table/spec.ts';
import { refusal } from './failure.ts';
import { parseTableBytes } from './table-input.ts';

/** A device of `create --concise`, as it is written. */
export interface ConciseDevice {
  readonly name: string;
  /** '' for none. */
  readonly uuid: string;
  readonly minor: number | undefined;
  readonly readOnly: boolean;
  readonly table: TableSpec;
}

const [COMMA, SEMICOLON, BACKSLASH, NEWLINE] = [0x2c, 0x3b, 0x5c, 0x0a];
/** Name, uuid, minor, flags, and the first line of the table. */
const FIELDS = 5;

/**
 * Reads a concise specification: `<name>,<uuid>,<minor>,<flags>,<table line>[,<table line>…][;…]`. A backslash
 * quotes the next character; white space before a field is left out.
 *
 * @param spec stays the caller's; keys in it are taken out without making strings of them
 * @returns devices whose tables are the caller's to dispose of
 * @throws TscryptError INVALID_ARGUMENT in dmsetup's words
 */
export function parseConcise(spec: Uint8Array): ConciseDevice[] {
  const devices: ConciseDevice[] = [];
  const text = new Uint8Array(spec.length);
  try {
    for (const fields of splitDevices(spec, text)) devices.push(deviceOf(fields));
    return devices;
  } catch (error) {
    for (const { table } of devices) disposeTable(table);
    throw error;
  } finally {
    text.fill(0);
  }
}

/**
 * The fields of each device, parts of `text`, into which the text without quotes is written. Commas after the
 * fourth stand between lines of the table, and become newlines.
 */
function* splitDevices(
  spec: Uint8Array,
  text: Uint8Array<ArrayBuffer>,
): Generator<Uint8Array<ArrayBuffer>[]> {
  let fields: Uint8Array<ArrayBuffer>[] = [];
  let start = 0;
  let end = 0;
  const finish = (): void => {
    fields.push(text.subarray(start, end));
    start = end;
  };
  for (let at = 0; at < spec.length; at++) {
    const byte = spec[at] ?? 0;
    if (byte === BACKSLASH) {
      const next = spec[++at];
      if (next === undefined) {
        finish();
        throw refused('Backslash must be followed by another character at end of string.', fields);
      }
      text[end++] = next;
    } else if (byte === SEMICOLON) {
      finish();
      yield fields;
      fields = [];
    } else if (byte === COMMA && fields.length < FIELDS - 1) finish();
    else if (end === start && isSpace(byte)) continue;
    else text[end++] = byte === COMMA ? NEWLINE : byte;
  }
  // A semicolon may end the last device.
  if (fields.length === 0 && start === end) return;
  finish();
  yield fields;
}

function deviceOf(fields: readonly Uint8Array<ArrayBuffer>[]): ConciseDevice {
  const [name, uuid, minor, flags, table] = fields;
  if (!name || !uuid || !minor || !flags || !table)
    throw refused('Five comma-separated fields are required for each device', fields);
  if (table.length === 0)
    throw refused('Incomplete entry: five comma-separated fields are required for each device', fields);
  const mode = decode(flags);
  if (mode !== '' && mode !== 'ro' && mode !== 'rw')
    throw refusal(`Invalid flags parameter '${mode}' must be 'ro' or 'rw' or empty.`);
  return {
    name: decode(name),
    uuid: decode(uuid),
    minor: minorOf(decode(minor)),
    readOnly: mode === 'ro',
    table: parseTableBytes(table, ''),
  };
}

/** dmsetup takes what is no number for 0, which could be another device's. */
function minorOf(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^\d+\s*$/.test(text)) throw refusal(`Invalid minor number '${text}'.`);
  return Number(text);
}

/** Says also which fields were found. Of a table only whether it is there, since it may hold keys. */
function refused(message: string, fields: readonly Uint8Array[]): TscryptError {
  const found = ['name', 'uuid', 'minor', 'flags'].map((field, index) => {
    const text = fields[index];
    return `${field}: ${text ? decode(text) : '(null)'}`;
  });
  const table = fields[FIELDS - 1] ? '' : '(null)';
  return refusal(message, `Parsed ${fields.length} fields: ${found.join(' ')} table: ${table}`);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
