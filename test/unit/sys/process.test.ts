import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  deviceNumbers,
  ffiAvailable,
  formatDeviceNumbers,
  isAlive,
  peerCredentials,
  thisProcess,
} from '../../../src/sys/index.ts';

describe('processes', () => {
  it('knows this process, and not one of the same number started at another time', () => {
    const me = thisProcess();
    expect(me.pid).toBe(process.pid);
    expect(isAlive(me)).toBe(true);
    expect(isAlive({ pid: me.pid, startTime: '1' })).toBe(false);
  });

  it('sees an end, also before the parent has waited', async () => {
    const child = spawn('sleep', ['100']);
    const startTime = readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1]!.split(' ')[19]!;
    const identity = { pid: child.pid!, startTime };
    expect(isAlive(identity)).toBe(true);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    expect(isAlive(identity)).toBe(false);
  });
});

describe('device numbers', () => {
  it('are decoded as stat(1) does', () => {
    for (const path of ['/dev/null', '/dev/zero', '/dev/urandom']) {
      const shown = execFileSync('stat', ['-c', '%Hr:%Lr', path], { encoding: 'latin1' }).trim();
      expect(formatDeviceNumbers(deviceNumbers(statSync(path).rdev))).toBe(shown);
    }
  });

  it('use the split encoding for large numbers', () => {
    // gnu_dev_makedev(0x12345, 0x67890): (major & ~0xfff) << 32 | (major & 0xfff) << 8 | (minor & ~0xff) << 12 | minor & 0xff
    const dev = (0x12000n << 32n) | (0x345n << 8n) | (0x67800n << 12n) | 0x90n;
    expect(deviceNumbers(dev)).toEqual({ major: 0x12345, minor: 0x67890 });
  });
});

describe.skipIf(!ffiAvailable())('peer credentials (need foreign functions)', () => {
  it('name the process and user that connected', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tscrypt-peer-'));
    const server = createServer().listen(join(directory, 's'));
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect(join(directory, 's'));
    const [socket] = await accepted;
    expect(peerCredentials(socket)).toEqual({
      pid: process.pid,
      uid: process.getuid!(),
      gid: process.getgid!(),
    });
    socket.destroy();
    client.destroy();
    await once(socket, 'close');
    expect(peerCredentials(socket)).toBeUndefined();
    server.close();
    rmSync(directory, { recursive: true });
  });
});
