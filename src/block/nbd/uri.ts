import { TscryptError } from '../../errors.ts';

/** The parts of an NBD URI (NetworkBlockDevice/nbd, doc/uri.md). */
export interface NbdUri {
  /** `nbds`: TLS or nothing. */
  readonly tls: boolean;
  /** Where the server listens: a TCP address or the path of a unix socket. */
  readonly address: { readonly host: string; readonly port: number } | { readonly socket: string };
  /** Name of the export; '' is the default export. */
  readonly exportName: string;
  /** Name the server's certificate must bear, where it differs from the host (`tls-hostname`). */
  readonly tlsHostname?: string;
}

const SCHEME = /^nbds?(\+unix)?:/i;

/** Whether a device is named by an NBD URI rather than by a path. */
export function isNbdUri(name: string): boolean {
  return SCHEME.test(name);
}

/** The port IANA reserves for NBD. */
const NBD_DEFAULT_PORT = 10809;

// RFC 3986, appendix B, without user information and fragment. Not `URL`: it would resolve `..` in export
// names and take `+` in the path of a socket for a space.
const URI = /^(nbds?)(\+unix)?:(?:\/\/([^/?#]*))?(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const AUTHORITY = /^(?:\[([0-9a-f:.%]+)\]|([^:@[\]]*))(?::(\d*))?$/i;

/** @throws TscryptError INVALID_ARGUMENT */
export function parseNbdUri(text: string): NbdUri {
  const match = URI.exec(text);
  if (!match?.[1]) throw invalid(text, 'not an NBD URI');
  const [, scheme, unix, authority = '', path = '', query = ''] = match;
  const tls = scheme.toLowerCase() === 'nbds';
  const parameters = parseQuery(text, query);
  const tlsHostname = parameters.get('tls-hostname');
  const common = { tls, exportName: decode(text, path), ...(tlsHostname && { tlsHostname }) };
  const socket = parameters.get('socket');
  if (unix) {
    if (!socket) throw invalid(text, 'the socket parameter is missing');
    if (authority !== '') throw invalid(text, 'a unix socket has no host');
    return { ...common, address: { socket } };
  }
  if (socket !== undefined) throw invalid(text, 'the socket parameter needs the +unix scheme');
  return { ...common, address: parseAuthority(text, authority) };
}

export function formatNbdUri(uri: NbdUri): string {
  const scheme = uri.tls ? 'nbds' : 'nbd';
  const query: string[] = [];
  if ('socket' in uri.address) query.push(`socket=${encodePath(uri.address.socket)}`);
  if (uri.tlsHostname) query.push(`tls-hostname=${encodeURIComponent(uri.tlsHostname)}`);
  const suffix = query.length > 0 ? `?${query.join('&')}` : '';
  const path = encodePath(uri.exportName);
  if ('socket' in uri.address) return `${scheme}+unix:///${path}${suffix}`;
  const { host, port } = uri.address;
  const authority = host.includes(':') ? `[${host}]` : encodeURIComponent(host);
  return `${scheme}://${authority}${port === NBD_DEFAULT_PORT ? '' : `:${port}`}/${path}${suffix}`;
}

function parseAuthority(uri: string, authority: string): { host: string; port: number } {
  const match = AUTHORITY.exec(authority);
  if (!match) throw invalid(uri, 'broken host');
  const [, bracketed, plain, digits] = match;
  const port = digits ? Number(digits) : NBD_DEFAULT_PORT;
  if (port < 1 || port > 65535) throw invalid(uri, 'the port is out of range');
  return { host: bracketed ?? (decode(uri, plain ?? '') || 'localhost'), port };
}

function parseQuery(uri: string, query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = decode(uri, equals < 0 ? pair : pair.slice(0, equals));
    if (key !== 'socket' && key !== 'tls-hostname') throw invalid(uri, `unknown parameter "${key}"`);
    parameters.set(key, decode(uri, equals < 0 ? '' : pair.slice(equals + 1)));
  }
  return parameters;
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function decode(uri: string, text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw invalid(uri, 'broken percent-encoding');
  }
  if (decoded.includes('\0')) throw invalid(uri, 'a NUL character');
  return decoded;
}

function invalid(uri: string, why: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `Invalid NBD URI "${uri}": ${why}.`, { details: { uri } });
}
