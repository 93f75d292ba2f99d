import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../src/block/index.ts';
import { dumpJson, dumpText, readHeader, unlock, verifyVolumeKey } from '../../../src/luks2/index.ts';
import { ROOT } from '../../suites/tools.ts';
import { passphrase } from './images.ts';

const DIRECTORY = join(ROOT, 'test/vectors/luks2');
const stored = (name: string) => readFileSync(join(DIRECTORY, name));

function image(name: string): MemoryDevice {
  return new MemoryDevice(new Uint8Array(gunzipSync(stored(`${name}.img.gz`))), { readOnly: true });
}

describe.each(['argon2id-xts', 'pbkdf2-essiv-detached', 'argon2i-rich'])('%s', (name) => {
  it('is dumped as the stock tool dumps it', async () => {
    const header = await readHeader(image(name));
    expect(dumpText(header)).toBe(stored(`${name}.dump.txt`).toString());
    expect(dumpJson(header)).toBe(stored(`${name}.dump.json`).toString());
  });

  it('gives its volume key', async () => {
    const device = image(name);
    const header = await readHeader(device);
    const found = await unlock(device, header, { passphrase: passphrase('first') });
    expect(found?.keyslot).toBe(0);
    const key = found?.volumeKey;
    expect(Buffer.from(key?.bytes ?? []).toString('hex')).toBe(stored(`${name}.key.hex`).toString().trim());
    expect(key && (await verifyVolumeKey(header, key))).toBe(0);
    expect(await unlock(device, header, { passphrase: passphrase('First') })).toBeUndefined();
  });
});

describe('argon2i-rich', () => {
  it('opens preferred keyslots first, unbound ones only when asked for', async () => {
    const device = image('argon2i-rich');
    const header = await readHeader(device);
    const second = passphrase('second');
    expect((await unlock(device, header, { passphrase: second }))?.keyslot).toBe(7);
    const other = await unlock(device, header, { passphrase: second, keyslot: 4 });
    expect(Buffer.from(other?.volumeKey.bytes ?? []).toString()).toBe('k'.repeat(16));
    expect(other && (await verifyVolumeKey(header, other.volumeKey))).toBe(1);
  });
});
