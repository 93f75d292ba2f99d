import { readSync } from 'node:fs';
import { Secret } from '../crypto/secret.ts';
import { TscryptError } from '../errors.ts';
import type { TableArg, TableSpec } from '../table/spec.ts';
import type { ActivationRequest } from './request.ts';

/**
 * How a request travels from the launcher to its daemon, over a socket pair that only these two hold:
 * u32 big-endian length, so many bytes of JSON, then the raw bytes of each secret, one behind the other.
 * In the JSON a secret is `{ "secret": length }`. Secrets go straight from one process's secret memory to
 * the other's and are never text.
 */
export interface Handover {
  readonly request: ActivationRequest;
  /** The runtime directory, and the prepared directory in it that becomes the device's. */
  readonly root: string;
  readonly staging: string;
  /** What relative paths in the table are relative to. */
  readonly workingDirectory: string;
}

const LONGEST_JSON = 16 * 1024 * 1024;
const LONGEST_SECRET = 1024 * 1024;

type SecretMark = { readonly secret: number };

/** The pieces to send, in order; the secrets' are their live bytes. */
export function encodeHandover(handover: Handover): Uint8Array[] {
  const secrets: Uint8Array[] = [];
  const mark = (arg: TableArg): string | SecretMark => {
    if (typeof arg === 'string') return arg;
    secrets.push(arg.bytes);
    return { secret: arg.length };
  };
  const table = handover.request.table.map((line) => ({ ...line, args: line.args.map(mark) }));
  const json = Buffer.from(JSON.stringify({ ...handover, request: { ...handover.request, table } }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return [length, json, ...secrets];
}

/**
 * Reads a request from the inherited descriptor, waiting for it; the process has nothing else to do yet.
 *
 * @throws TscryptError PROTOCOL_ERROR when the launcher went away or sent something else
 */
export function receiveHandover(fd: number): Handover {
  const length = Buffer.alloc(4);
  fill(fd, length);
  const jsonLength = length.readUInt32BE();
  if (jsonLength > LONGEST_JSON) throw malformed();
  const json = Buffer.alloc(jsonLength);
  fill(fd, json);
  const { request, ...rest } = JSON.parse(json.toString('utf8')) as Handover;
  return { ...rest, request: { ...request, table: receiveSecrets(fd, request.table) } };
}

function receiveSecrets(fd: number, table: TableSpec): TableSpec {
  return table.map((line) => ({
    ...line,
    args: line.args.map((arg: TableArg | SecretMark) => {
      if (typeof arg === 'string' || arg instanceof Secret) return arg;
      const length = arg.secret;
      if (typeof length !== 'number' || length > LONGEST_SECRET) throw malformed();
      const secret = new Secret(length);
      fill(fd, secret.bytes);
      return secret;
    }),
  }));
}

function fill(fd: number, into: Uint8Array): void {
  for (let done = 0; done < into.length; ) {
    const count = readSync(fd, into, done, into.length - done, null);
    if (count === 0) throw malformed();
    done += count;
  }
}

function malformed(): TscryptError {
  return new TscryptError('PROTOCOL_ERROR', 'The request to the daemon was cut short.');
}
