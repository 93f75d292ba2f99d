import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import { randomSecret } from '../../../src/crypto/index.ts';
import {
  addKeyslot,
  backupHeader,
  changeKeyslot,
  formatDevice,
  type Luks2Header,
  readHeader,
  removeKeyslot,
  restoreHeader,
  setPriority,
  unlock,
  verifyVolumeKey,
} from '../../../src/luks2/index.ts';
import { MIB } from '../../../src/units.ts';
import { base64, CHEAP, type Loose, passphrase, SMALL, volume, writeMetadata } from './images.ts';

const keyslotOf = (header: Luks2Header, id: number): Loose => header.metadata.keyslots[id];

async function opened(device: MemoryDevice, text: string, keyslot?: number): Promise<number | undefined> {
  return (await unlock(device, await readHeader(device), { passphrase: passphrase(text), keyslot }))?.keyslot;
}

describe('addKeyslot', () => {
  it('takes the first free number and the smallest gap that fits', async () => {
    const { device, header: first, volumeKey } = await volume('0');
    let header = first;
    const add = async (text: string, more: object = {}) => {
      const added = await addKeyslot(device, header, volumeKey, passphrase(text), { pbkdf: CHEAP, ...more });
      ({ header } = added);
      return added.keyslot;
    };
    expect(await add('1')).toBe(1);
    expect(await add('2')).toBe(2);
    expect(await add('9', { keyslot: 9 })).toBe(9);
    const offsets = [0, 1, 2, 9].map((id) => keyslotOf(header, id).area.offset);
    expect(offsets).toEqual(['32768', '98304', '163840', '229376']);
    header = await removeKeyslot(device, header, 1);
    // The gap between 0 and 2 is smaller than the rest of the keyslots area.
    expect(await add('new')).toBe(1);
    expect(keyslotOf(header, 1).area.offset).toBe('98304');
    for (const text of ['0', 'new', '2', '9']) expect(await opened(device, text)).toBeDefined();
    expect(await opened(device, '1')).toBeUndefined();
  });

  it('refuses a key that is not the volume’s, a number in use or out of range', async () => {
    const { device, header, volumeKey } = await volume();
    const before = device.content.slice();
    const add = (key: Loose, more: object) =>
      addKeyslot(device, header, key, passphrase('x'), { pbkdf: CHEAP, ...more });
    await expect(add(randomSecret(16), {})).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
    await expect(add(volumeKey, { keyslot: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    for (const keyslot of [32, -1, 1.5])
      await expect(add(volumeKey, { keyslot })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(add(volumeKey, { cipher: 'aes-xts-plain64' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(add(volumeKey, { cipher: 'aes-xts-plain64', keySize: 17 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(add(volumeKey, { afHash: 'md6' })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await expect(
      add(volumeKey, { pbkdf: { type: 'argon2id', time: 2 ** 31, memory: 2 ** 20, cpus: 1 } }),
    ).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(Buffer.compare(device.content, before)).toBe(0);
  });

  it('stops when the area or the numbers are full', async () => {
    const { device, header: first, volumeKey } = await volume('0', { ...SMALL, keyslotsSize: 196608 });
    let header = first;
    for (const text of ['1', '2'])
      ({ header } = await addKeyslot(device, header, volumeKey, passphrase(text), { pbkdf: CHEAP }));
    const before = device.content.slice();
    await expect(
      addKeyslot(device, header, volumeKey, passphrase('3'), { pbkdf: CHEAP }),
    ).rejects.toMatchObject({ code: 'NO_SPACE' });
    await expect(
      changeKeyslot(device, header, 0, volumeKey, passphrase('3'), { pbkdf: CHEAP }),
    ).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(Buffer.compare(device.content, before)).toBe(0);
  });

  it('has 32 keyslots and no more', async () => {
    const size = 4 * MIB;
    const {
      device,
      header: first,
      volumeKey,
    } = await volume('0', { ...SMALL, keyslotsSize: 3 * MIB, metadataSize: 32768 }, size);
    let header = first;
    for (let id = 1; id < 32; id++)
      ({ header } = await addKeyslot(device, header, volumeKey, passphrase(String(id)), { pbkdf: CHEAP }));
    await expect(
      addKeyslot(device, header, volumeKey, passphrase('x'), { pbkdf: CHEAP }),
    ).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(await opened(device, '31', 31)).toBe(31);
  });

  it('keeps an unbound key apart from the volume’s', async () => {
    const { device, header, volumeKey } = await volume('a');
    const other = randomSecret(24);
    const params = { pbkdf: CHEAP, unbound: true };
    let added = await addKeyslot(device, header, other, passphrase('u'), params);
    added = await addKeyslot(device, added.header, other, passphrase('v'), params);
    expect(added.header.metadata.digests[1]?.keyslots).toEqual(['1', '2']);
    expect(await opened(device, 'u')).toBeUndefined();
    expect(await opened(device, 'u', 1)).toBe(1);
    const found = await unlock(device, added.header, { passphrase: passphrase('v'), unbound: true });
    expect(Buffer.compare(found?.volumeKey.bytes ?? volumeKey.bytes, other.bytes)).toBe(0);
    expect(await verifyVolumeKey(added.header, other)).toBe(1);
    let left = await removeKeyslot(device, added.header, 1);
    left = await removeKeyslot(device, left, 2);
    expect(Object.keys(left.metadata.digests)).toEqual(['0']);
  });

  it.each([512, 4096])('works on a device of %i-byte blocks', async (logicalBlockSize) => {
    const device = new MemoryDevice(2 * MIB, { logicalBlockSize });
    // 64-byte keys split into 62.5 blocks of 4096 bytes.
    const params = { alignPayload: 8, keyslotsSize: MIB };
    const made = await formatDevice(device, params, { passphrase: passphrase('a'), pbkdf: CHEAP });
    const backup = await backupHeader(device);
    const args = [passphrase('b'), { pbkdf: CHEAP }] as const;
    const { header } = await addKeyslot(device, made.header, made.volumeKey, ...args);
    const changed = await changeKeyslot(device, header, 0, made.volumeKey, passphrase('c'), { pbkdf: CHEAP });
    expect(await opened(device, 'b')).toBe(1);
    expect(await opened(device, 'c')).toBe(0);
    await removeKeyslot(device, changed.header, 0);
    await restoreHeader(device, backup);
    expect(await opened(device, 'a')).toBe(0);
  });

  it('uses an area cipher of its own where the volume’s encrypts nothing', async () => {
    const device = new MemoryDevice(2 * MIB);
    const params = { ...SMALL, cipher: 'cipher_null-ecb', keySize: 32, keyslotsSize: MIB };
    const { header } = await formatDevice(device, params, { passphrase: passphrase('a'), pbkdf: CHEAP });
    expect(keyslotOf(header, 0).area).toMatchObject({ encryption: 'aes-xts-plain64', key_size: 64 });
    expect(await opened(device, 'a')).toBe(0);
  });
});

describe('changeKeyslot', () => {
  it('writes a new area, keeps number, priority, tokens and unknown members, and wipes the old area', async () => {
    const { device, header: made, volumeKey } = await volume('old');
    const prepared = await setPriority(device, made, 0, 'prefer');
    writeMetadata(device, prepared, (m) => {
      m.tokens[3] = { type: 't', keyslots: ['0'] };
      m.keyslots[0].mine = { b: 1, a: 2 };
    });
    const header = await readHeader(device);
    const old = device.content.slice(32768, 32768 + 65536);
    const changed = await changeKeyslot(device, header, 0, volumeKey, passphrase('new'), { pbkdf: CHEAP });
    expect(changed.keyslot).toBe(0);
    expect(keyslotOf(changed.header, 0)).toMatchObject({
      priority: 2,
      mine: { b: 1, a: 2 },
      area: { offset: '98304' },
    });
    expect(changed.header.metadata.tokens[3]?.keyslots).toEqual(['0']);
    expect(await opened(device, 'new')).toBe(0);
    expect(await opened(device, 'old')).toBeUndefined();
    const wiped = device.content.subarray(32768, 32768 + 65536);
    for (let at = 0; at < wiped.length; at += 512)
      expect(Buffer.compare(wiped.subarray(at, at + 512), old.subarray(at, at + 512))).not.toBe(0);
  });

  it('moves to another number when told to', async () => {
    const { device, header, volumeKey } = await volume('old');
    const changed = await changeKeyslot(device, header, 0, volumeKey, passphrase('new'), {
      pbkdf: CHEAP,
      keyslot: 5,
    });
    expect(changed.keyslot).toBe(5);
    expect(Object.keys(changed.header.metadata.keyslots)).toEqual(['5']);
    expect(changed.header.metadata.digests[0]?.keyslots).toEqual(['5']);
    expect(await opened(device, 'new')).toBe(5);
  });

  it('refuses a keyslot that is not there, and another key', async () => {
    const { device, header, volumeKey } = await volume();
    await expect(
      changeKeyslot(device, header, 1, volumeKey, passphrase('x'), { pbkdf: CHEAP }),
    ).rejects.toMatchObject({ code: 'NO_SUCH_OBJECT' });
    await expect(
      changeKeyslot(device, header, 0, randomSecret(16), passphrase('x'), { pbkdf: CHEAP }),
    ).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
  });
});

describe('removeKeyslot', () => {
  it('takes every reference with it and overwrites the area', async () => {
    const { device, header: made, volumeKey } = await volume('a');
    const { header: two } = await addKeyslot(device, made, volumeKey, passphrase('b'), { pbkdf: CHEAP });
    writeMetadata(device, two, (m) => {
      m.tokens[0] = { type: 't', keyslots: ['0', '1'] };
    });
    const old = device.content.slice(32768, 98304);
    const header = await removeKeyslot(device, await readHeader(device), 0);
    expect(Object.keys(header.metadata.keyslots)).toEqual(['1']);
    expect(header.metadata.tokens[0]?.keyslots).toEqual(['1']);
    expect(header.metadata.digests[0]?.keyslots).toEqual(['1']);
    for (let at = 0; at < old.length; at += 512)
      expect(
        Buffer.compare(device.content.subarray(32768 + at, 32768 + at + 512), old.subarray(at, at + 512)),
      ).not.toBe(0);
    const empty = await removeKeyslot(device, header, 1);
    expect(empty.metadata.digests[0]?.segments).toEqual(['0']);
    await expect(unlock(device, empty, { passphrase: passphrase('b') })).rejects.toMatchObject({
      code: 'NO_SUCH_OBJECT',
    });
    await expect(removeKeyslot(device, empty, 1)).rejects.toMatchObject({ code: 'NO_SUCH_OBJECT' });
  });
});

describe('unlock', () => {
  it('goes by priority, and takes an ignored keyslot only by its number', async () => {
    const { device, header: made, volumeKey } = await volume('p');
    let { header } = await addKeyslot(device, made, volumeKey, passphrase('p'), { pbkdf: CHEAP });
    expect(await opened(device, 'p')).toBe(0);
    header = await setPriority(device, header, 1, 'prefer');
    expect(await opened(device, 'p')).toBe(1);
    header = await setPriority(device, header, 1, 'ignore');
    expect(await opened(device, 'p')).toBe(0);
    header = await setPriority(device, header, 0, 'ignore');
    await expect(opened(device, 'p')).rejects.toMatchObject({ code: 'NO_SUCH_OBJECT' });
    expect(await opened(device, 'p', 1)).toBe(1);
    await setPriority(device, header, 0, 'normal');
    expect(keyslotOf(await readHeader(device), 0)).not.toHaveProperty('priority');
    await expect(opened(device, 'p', 2)).rejects.toMatchObject({ code: 'NO_SUCH_OBJECT' });
  });

  it('reports what keeps a keyslot from opening only when no other opens', async () => {
    const { device, header, volumeKey } = await volume('a');
    await addKeyslot(device, header, volumeKey, passphrase('b'), { pbkdf: CHEAP });
    writeMetadata(device, await readHeader(device), (m) => {
      m.keyslots[0].kdf.hash = 'md6';
    });
    expect(await opened(device, 'b')).toBe(1);
    await expect(opened(device, 'a')).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  it.each<[string, (kdf: Loose) => Loose]>([
    ['an unknown KDF', () => ({ type: 'scrypt', salt: base64(32) })],
    ['an old KDF', () => ({ type: 'argon2', time: 4, memory: 64, cpus: 1, salt: base64(32) })],
    [
      'the memory of a mainframe',
      () => ({ type: 'argon2id', time: 4, memory: 2 ** 32 - 1, cpus: 1, salt: base64(32) }),
    ],
    [
      'passes without end',
      () => ({ type: 'argon2id', time: 2 ** 32 - 1, memory: 64, cpus: 1, salt: base64(32) }),
    ],
    [
      'thousands of threads',
      () => ({ type: 'argon2i', time: 4, memory: 2 ** 20, cpus: 65536, salt: base64(32) }),
    ],
    [
      'less memory than threads need',
      () => ({ type: 'argon2i', time: 4, memory: 8, cpus: 4, salt: base64(32) }),
    ],
    ['iterations without end', (kdf) => ({ ...kdf, iterations: 2 ** 32 - 1 })],
    [
      'a salt of one byte for Argon2',
      () => ({ type: 'argon2id', time: 4, memory: 64, cpus: 1, salt: base64(1) }),
    ],
  ])('refuses %s before any work', async (_name, kdf) => {
    const { device, header } = await volume('a');
    writeMetadata(device, header, (m) => {
      m.keyslots[0].kdf = kdf(m.keyslots[0].kdf);
    });
    await expect(opened(device, 'a')).rejects.toMatchObject({
      code: expect.stringMatching(/^(NOT_SUPPORTED|INVALID_ARGUMENT|INVALID_FORMAT)$/),
    });
  });

  it('does not believe a digest that is too short', async () => {
    const { device, header } = await volume('a');
    writeMetadata(device, header, (m) => {
      m.digests[0].digest = base64(4);
    });
    await expect(opened(device, 'a')).rejects.toMatchObject({ code: 'INVALID_FORMAT' });
  });

  it('never writes', async () => {
    const { device, header } = await volume('a');
    const watched = await FaultDevice.over(device);
    await unlock(watched, header, { passphrase: passphrase('a') });
    await unlock(watched, header, { passphrase: passphrase('b') });
    expect(watched.log).toEqual([]);
  });
});
