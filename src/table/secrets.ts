import { Secret } from '../crypto/secret.ts';
import type { TableArg, TableLine, TableSpec } from './spec.ts';

/** Where the key stands among the arguments of a `crypt` line (dm-crypt.rst: `<cipher> <key> …`). */
const CRYPT_KEY = 1;
/** dm-integrity.rst: `internal_hash:algorithm(:key)` and its like. */
const INTEGRITY_KEY = /^(internal_hash|journal_crypt|journal_mac):([^:]*):(.*)$/s;

/** The line with key material given as hex turned into a {@link Secret}. */
export function withSecrets(line: TableLine): TableLine {
  const key = line.type === 'crypt' ? line.args[CRYPT_KEY] : undefined;
  if (typeof key !== 'string') return line;
  const secret = secretFromHex(key);
  return secret ? { ...line, args: line.args.with(CRYPT_KEY, secret) } : line;
}

/** Key bytes written as hex; undefined when `text` is not an even, non-zero number of hex digits. */
export function secretFromHex(text: string): Secret | undefined {
  if (!/^([0-9a-f]{2})+$/i.test(text)) return undefined;
  const secret = new Secret(text.length / 2);
  const bytes = secret.bytes;
  for (let i = 0; i < bytes.length; i++) bytes[i] = nibble(text, 2 * i) * 16 + nibble(text, 2 * i + 1);
  return secret;
}

function nibble(text: string, at: number): number {
  return Number.parseInt(text.charAt(at), 16);
}

/** How a secret argument is written in a table: hex, or `-` for no key at all. */
export function secretToHex(secret: Secret): string {
  return secret.length === 0
    ? '-'
    : Buffer.from(secret.bytes.buffer, secret.bytes.byteOffset, secret.length).toString('hex');
}

/**
 * Text for an argument with keys hidden, as `dmsetup table` prints it without `--showkeys`: key digits
 * as as many zeroes; the `-` of a cipher without key becomes one, too. References to a keyring
 * (`:32:logon:name`) are no secret.
 */
export function hideKey(line: TableLine, index: number, arg: TableArg): string {
  if (arg instanceof Secret) return '0'.repeat(Math.max(arg.length * 2, 1));
  if (line.type === 'crypt' && index === CRYPT_KEY && !arg.startsWith(':')) {
    return '0'.repeat(arg.length);
  }
  if (line.type === 'integrity') {
    return arg.replace(INTEGRITY_KEY, (_, option: string, algorithm: string, key: string) => {
      return `${option}:${algorithm}:${'0'.repeat(key.length)}`;
    });
  }
  return arg;
}

/** The table without key material: as text, with keys hidden. */
export function hideKeys(table: TableSpec): TableSpec {
  return table.map((line) => ({
    ...line,
    args: line.args.map((arg, index) => hideKey(line, index, arg)),
  }));
}

/** Wipes every secret of a table; for the owner of a parsed or built table that is no longer needed. */
export function disposeTable(table: TableSpec): void {
  for (const line of table) {
    for (const arg of line.args) if (arg instanceof Secret) arg.dispose();
  }
}
