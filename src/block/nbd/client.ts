import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { fromSystemError, TscryptError } from '../../errors.ts';
import type { BlockDevice } from '../device.ts';
import { NbdConnection } from './connection.ts';
import { NbdDevice } from './device.ts';
import { Negotiation, streamError } from './negotiation.ts';
import { type NbdUri, parseNbdUri } from './uri.ts';

export interface NbdClientOptions {
  /** Refuse writes whatever the server allows. */
  readonly readOnly?: boolean;
  /** For `nbds` URIs: certificates as node:tls takes them, and the name the server's certificate must bear. */
  readonly tls?: Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> & { readonly servername?: string };
  /** Milliseconds for connecting and negotiating; 30000 if not given. */
  readonly timeout?: number;
}

/** What a server tells about an export (NBD_OPT_LIST). */
export interface NbdExportInfo {
  readonly name: string;
  readonly description: string;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * Connects to an NBD server; the export is a block device, whose `name` is the URI.
 *
 * @throws TscryptError INVALID_ARGUMENT (bad URI), NO_SUCH_DEVICE (no such export, socket or host),
 *   PERMISSION_DENIED (TLS or another export demanded, certificate refused), NOT_SUPPORTED, CONNECTION_LOST,
 *   PROTOCOL_ERROR
 */
export async function connectNbd(uri: string, options: NbdClientOptions = {}): Promise<BlockDevice> {
  const parsed = parseNbdUri(uri);
  return negotiate(uri, parsed, options, async (negotiation, stream) => {
    const { properties, rest } = await negotiation.go(parsed.exportName);
    const connection = new NbdConnection(uri, stream(), properties.structuredReplies, rest);
    return new NbdDevice(uri, connection, properties, options.readOnly ?? false);
  });
}

/** The exports a server offers (NBD_OPT_LIST). The export name in the URI is not looked at. */
export async function listNbdExports(uri: string, options: NbdClientOptions = {}): Promise<NbdExportInfo[]> {
  return negotiate(uri, parseNbdUri(uri), options, async (negotiation, stream) => {
    const exports = await negotiation.list();
    negotiation.abort();
    stream().end();
    return exports;
  });
}

/** Connects, starts TLS where the URI says so, and hands over to `body`; whatever fails closes the connection. */
async function negotiate<T>(
  text: string,
  uri: NbdUri,
  options: NbdClientOptions,
  body: (negotiation: Negotiation, stream: () => Duplex) => Promise<T>,
): Promise<T> {
  const socket = net.connect(
    'socket' in uri.address ? { path: uri.address.socket } : { ...uri.address, noDelay: true },
  );
  let stream: Duplex = socket;
  // Errors are told by whoever reads; none must go unheard in between.
  socket.on('error', () => {});
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    stream.destroy();
    socket.destroy();
  }, options.timeout ?? DEFAULT_TIMEOUT);
  try {
    await connected(socket);
    const negotiation = new Negotiation(socket, text);
    await negotiation.hello();
    if (uri.tls) stream = await negotiation.startTls((plain) => secure(plain, uri, options));
    return await body(negotiation, () => stream);
  } catch (error) {
    stream.destroy();
    socket.destroy();
    if (!timedOut) throw fromSystemError(error, `Cannot connect to ${text}`, { device: text });
    throw new TscryptError('CONNECTION_LOST', `${text} does not answer.`, {
      errno: 'ETIMEDOUT',
      details: { device: text },
    });
  } finally {
    clearTimeout(timer);
  }
}

function connected(socket: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // getaddrinfo's codes are no errno.
      const unknown = error.syscall === 'getaddrinfo';
      reject(
        unknown
          ? new TscryptError('NO_SUCH_DEVICE', `Unknown host: ${error.message}`, { cause: error })
          : error,
      );
    });
    socket.once('close', () => reject(new TscryptError('CONNECTION_LOST', 'The connection was closed.')));
  });
}

function secure(plain: Duplex, uri: NbdUri, options: NbdClientOptions): Promise<Duplex> {
  const { servername, ...certificates } = options.tls ?? {};
  const host = servername ?? uri.tlsHostname ?? ('host' in uri.address ? uri.address.host : 'localhost');
  // Loaded only by those who need it.
  const tls = process.getBuiltinModule('node:tls');
  return new Promise((resolve, reject) => {
    const stream = tls.connect({
      ...certificates,
      socket: plain as net.Socket,
      host,
      minVersion: 'TLSv1.2',
      // Server name indication knows no addresses; the certificate is checked against `host` all the same.
      ...(net.isIP(host) === 0 && { servername: host }),
    });
    stream.on('error', (error) => reject(streamError(error, host)));
    stream.once('close', () => reject(new TscryptError('CONNECTION_LOST', 'TLS was refused.')));
    stream.once('secureConnect', () => resolve(stream));
  });
}
