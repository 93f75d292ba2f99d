import { TscryptError } from '../../errors.ts';

/** The parts of an NBD URI (NetworkBlockDevice doc/uri.md). */
export interface NbdUri {
  readonly tls: boolean;
  /** Where the server listens: a TCP address or the path of a unix socket. */
  readonly address: { readonly host: string; readonly port: number } | { readonly socket: string };
  /** Name of the export; '' is the default export. */
  readonly exportName: string;
}

/** The port IANA reserves for NBD. */
export const NBD_DEFAULT_PORT = 10809;

const SCHEMES: Readonly<Record<string, { tls: boolean; unix: boolean }>> = {
  'nbd:': { tls: false, unix: false },
  'nbds:': { tls: true, unix: false },
  'nbd+unix:': { tls: false, unix: true },
  'nbds+unix:': { tls: true, unix: true },
};

/** @throws TscryptError INVALID_ARGUMENT */
export function parseNbdUri(text: string): NbdUri {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = url && SCHEMES[url.protocol];
  if (!url || !scheme) throw invalid(text, 'not an NBD URI');
  const exportName = decode(text, url.pathname.replace(/^\//, ''));
  const socket = url.searchParams.get('socket');
  if (scheme.unix) {
    if (!socket) throw invalid(text, 'the socket parameter is missing');
    if (url.host !== '') throw invalid(text, 'a unix socket has no host');
    return { tls: scheme.tls, address: { socket }, exportName };
  }
  if (socket !== null) throw invalid(text, 'the socket parameter needs the +unix scheme');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost';
  const port = url.port === '' ? NBD_DEFAULT_PORT : Number(url.port);
  return { tls: scheme.tls, address: { host: decode(text, host), port }, exportName };
}

export function formatNbdUri(uri: NbdUri): string {
  const path = encodeURIComponent(uri.exportName);
  const scheme = uri.tls ? 'nbds' : 'nbd';
  if ('socket' in uri.address) {
    const socket = uri.address.socket.split('/').map(encodeURIComponent).join('/');
    return `${scheme}+unix:///${path}?socket=${socket}`;
  }
  const { host, port } = uri.address;
  const authority = host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${authority}${port === NBD_DEFAULT_PORT ? '' : `:${port}`}/${path}`;
}

function decode(uri: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(uri, 'broken percent-encoding');
  }
}

function invalid(uri: string, why: string): TscryptError {
  return new TscryptError('INVALID_ARGUMENT', `Invalid NBD URI "${uri}": ${why}.`, { details: { uri } });
}
