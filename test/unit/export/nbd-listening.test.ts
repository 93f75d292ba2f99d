import { chmod, link, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectNbd, formatNbdUri, listNbdExports, MemoryDevice } from '../../../src/block/index.ts';
import * as nbd from '../../../src/block/nbd/protocol.ts';
import { NbdServer } from '../../../src/export/nbd/index.ts';
import { codeOf } from '../../suites/block-device.ts';
import { makeCertificate } from '../../suites/certificate.ts';
import { infoRequest, RawNbdClient } from '../../suites/nbd-raw.ts';
import { requires } from '../../suites/requires.ts';

let directory: string;
let socket: string;
const servers: NbdServer[] = [];

function makeServer(options: ConstructorParameters<typeof NbdServer>[0] = {}): NbdServer {
  const server = new NbdServer({
    exports: [{ name: 'disk', device: new MemoryDevice(1024 * 1024) }],
    ...options,
  });
  servers.push(server);
  return server;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tscrypt-listen-'));
  socket = join(directory, 'nbd.sock');
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  await rm(directory, { recursive: true });
});

describe('the unix socket of the NBD server', () => {
  it('is for its owner alone, leaves nothing beside it, and goes when the server does', async () => {
    const server = makeServer();
    await server.listenUnix(socket);
    const stats = await stat(socket);
    expect(stats.isSocket()).toBe(true);
    expect(stats.mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['nbd.sock']);
    await server.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('is never there with another mode', async () => {
    const modes = new Set<number>();
    let watching = true;
    const watch = (async () => {
      while (watching) {
        const found = await stat(socket).catch(() => undefined);
        if (found) modes.add(found.mode & 0o777);
      }
    })();
    for (let round = 0; round < 20; round += 1) {
      const server = makeServer();
      await server.listenUnix(socket);
      await stat(socket);
      await server.close();
    }
    watching = false;
    await watch;
    expect([...modes].filter((mode) => mode !== 0o600)).toEqual([]);
  });

  it('replaces a stale socket, but no live one and nothing else', async () => {
    const dead = net.createServer().listen(socket);
    await new Promise((resolve) => dead.once('listening', resolve));
    // Closed behind Node's back would leave the file: a copy of its directory entry does the same.
    const stale = join(directory, 'stale.sock');
    await link(socket, stale);
    await new Promise((resolve) => dead.close(resolve));
    const first = makeServer();
    await first.listenUnix(stale);
    expect(await codeOf(() => makeServer().listenUnix(stale))).toBe('DEVICE_BUSY');
    expect(
      await listNbdExports(formatNbdUri({ tls: false, address: { socket: stale }, exportName: '' })),
    ).toHaveLength(1);
    const file = join(directory, 'file');
    await writeFile(file, 'kept');
    expect(await codeOf(() => makeServer().listenUnix(file))).toBe('DEVICE_EXISTS');
    await symlink('file', join(directory, 'link'));
    expect(await codeOf(() => makeServer().listenUnix(join(directory, 'link')))).toBe('DEVICE_EXISTS');
    expect((await stat(file)).isFile()).toBe(true);
  });

  it('does not remove what somebody else has put in its place', async () => {
    const server = makeServer();
    await server.listenUnix(socket);
    await rm(socket);
    await writeFile(socket, 'another');
    await server.close();
    expect((await stat(socket)).isFile()).toBe(true);
  });

  it('says why it cannot be', async () => {
    expect(await codeOf(() => makeServer().listenUnix(join(directory, 'none', 'nbd.sock')))).toBe(
      'NO_SUCH_DEVICE',
    );
    expect(await codeOf(() => makeServer().listenUnix(join(directory, 'x'.repeat(120))))).toBe(
      'INVALID_ARGUMENT',
    );
    if (process.getuid?.() !== 0) {
      await chmod(directory, 0o500);
      expect(await codeOf(() => makeServer().listenUnix(socket))).toBe('PERMISSION_DENIED');
      await chmod(directory, 0o700);
    }
  });
});

describe('the TCP address of the NBD server', () => {
  it('may be loopback without TLS', async () => {
    for (const host of ['127.0.0.1', 'localhost', '127.8.9.10']) {
      const server = makeServer();
      const { port } = await server.listenTcp(host, 0);
      expect(await codeOf(() => makeServer().listenTcp(host, port))).toBe('DEVICE_BUSY');
      await server.close();
    }
  });

  it('may not be any other without TLS', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1', '::ffff:192.0.2.1', '0', '']) {
      expect(await codeOf(() => makeServer().listenTcp(host, 0))).toBe('INVALID_ARGUMENT');
    }
  });
});

describe.skipIf(!requires('openssl'))('the NBD server with TLS', () => {
  const tls = makeCertificate();

  it('may leave loopback only where it turns strangers away', async () => {
    expect(await codeOf(() => makeServer({ tls }).listenTcp('0.0.0.0', 0))).toBe('INVALID_ARGUMENT');
    const { port } = await makeServer({ tls: { ...tls, ca: tls.cert } }).listenTcp('0.0.0.0', 0);
    expect(port).toBeGreaterThan(0);
  });

  it('answers nothing in the clear', async () => {
    const server = makeServer({ tls });
    const { port } = await server.listenTcp('127.0.0.1', 0);
    const client = await RawNbdClient.greet({ host: '127.0.0.1', port });
    for (const option of [nbd.NBD_OPT_LIST, nbd.NBD_OPT_STRUCTURED_REPLY, 77]) {
      expect(await client.option(option)).toMatchObject([{ type: nbd.NBD_REP_ERR_TLS_REQD }]);
    }
    for (const name of ['disk', 'unknown']) {
      expect(await client.option(nbd.NBD_OPT_GO, infoRequest(name))).toMatchObject([
        { type: nbd.NBD_REP_ERR_TLS_REQD },
      ]);
    }
    expect(await client.option(nbd.NBD_OPT_STARTTLS, Buffer.of(1))).toMatchObject([
      { type: nbd.NBD_REP_ERR_INVALID },
    ]);
    expect(await client.option(nbd.NBD_OPT_ABORT)).toMatchObject([{ type: nbd.NBD_REP_ACK }]);
    await client.closed();
    const old = await RawNbdClient.greet({ host: '127.0.0.1', port });
    old.send(
      nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option: nbd.NBD_OPT_EXPORT_NAME, length: 4 }),
      Buffer.from('disk'),
    );
    expect(await old.closed()).toHaveLength(0);
  });

  it('drops who goes on in the clear behind STARTTLS', async () => {
    const server = makeServer({ tls });
    const { port } = await server.listenTcp('127.0.0.1', 0);
    const client = await RawNbdClient.greet({ host: '127.0.0.1', port });
    const option = (number: number): Uint8Array =>
      nbd.OptionHeader.encode({ magic: nbd.IHAVEOPT, option: number, length: 0 });
    client.send(option(nbd.NBD_OPT_STARTTLS), option(nbd.NBD_OPT_LIST));
    expect(await client.closed()).toHaveLength(0);
  });

  it('is refused by clients that do not trust its certificate, and refuses clients without TLS', async () => {
    const server = makeServer({ tls });
    const { port } = await server.listenTcp('127.0.0.1', 0);
    const address = { host: '127.0.0.1', port };
    const uri = formatNbdUri({ tls: true, address, exportName: 'disk' });
    expect(await codeOf(() => connectNbd(uri))).toBe('PERMISSION_DENIED');
    expect(
      await codeOf(() => connectNbd(uri, { tls: { ca: tls.cert, servername: 'elsewhere.example' } })),
    ).toBe('PERMISSION_DENIED');
    const plain = formatNbdUri({ tls: false, address, exportName: 'disk' });
    expect(await codeOf(() => connectNbd(plain))).toBe('PERMISSION_DENIED');
    const device = await connectNbd(uri, { tls: { ca: tls.cert } });
    await device.close();
  });

  it('lets in only clients with a certificate of its authority where it has one', async () => {
    const server = makeServer({ tls: { ...tls, ca: tls.cert } });
    const { port } = await server.listenTcp('127.0.0.1', 0);
    const uri = formatNbdUri({ tls: true, address: { host: '127.0.0.1', port }, exportName: 'disk' });
    const without = await codeOf(() => connectNbd(uri, { tls: { ca: tls.cert } }));
    expect(['PERMISSION_DENIED', 'CONNECTION_LOST']).toContain(without);
    const stranger = await codeOf(() => connectNbd(uri, { tls: { ca: tls.cert, ...makeCertificate() } }));
    expect(['PERMISSION_DENIED', 'CONNECTION_LOST']).toContain(stranger);
    expect(server.connections()).toBe(0);
    const device = await connectNbd(uri, { tls: { ca: tls.cert, cert: tls.cert, key: tls.key } });
    await device.close();
  });

  it('is not made of a broken certificate', async () => {
    expect(await codeOf(() => new NbdServer({ tls: { cert: 'x', key: 'y' } }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(() => new NbdServer({ tls: {} }))).toBe('INVALID_ARGUMENT');
  });
});
