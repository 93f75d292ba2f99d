import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import { randomSecret } from '../../../src/crypto/index.ts';
import {
  createHeader,
  type FormatParams,
  formatDevice,
  readHeader,
  requiredHeaderSize,
  unlock,
} from '../../../src/luks2/index.ts';
import { MIB } from '../../../src/units.ts';
import { CHEAP, type Loose, passphrase, SMALL, SMALL_SIZE } from './images.ts';

const KEYSLOT = { passphrase: passphrase('a'), pbkdf: CHEAP };

describe('formatDevice', () => {
  it('makes what it was asked for', async () => {
    const device = new MemoryDevice(SMALL_SIZE);
    const { header, volumeKey, keyslot } = await formatDevice(
      device,
      {
        ...SMALL,
        sectorSize: 1024,
        label: 'l',
        subsystem: 's',
        hash: 'sha512',
        uuid: '0A000000-0000-4000-8000-00000000000B',
      },
      { ...KEYSLOT, keyslot: 4 },
    );
    expect(keyslot).toBe(4);
    expect(header).toMatchObject({
      label: 'l',
      subsystem: 's',
      seqid: 1,
      uuid: '0a000000-0000-4000-8000-00000000000b',
    });
    expect(header.metadata.segments[0]).toMatchObject({ sector_size: 1024, encryption: SMALL.cipher });
    expect(header.metadata.digests[0]).toMatchObject({ hash: 'sha512', iterations: 1000, keyslots: ['4'] });
    expect((header.metadata.keyslots[4] as Loose).af.hash).toBe('sha512');
    expect(await readHeader(device)).toEqual(header);
    const found = await unlock(device, header, { passphrase: passphrase('a') });
    expect(Buffer.compare(found?.volumeKey.bytes ?? new Uint8Array(), volumeKey.bytes)).toBe(0);
  });

  it('takes the volume key it is given and leaves it alone', async () => {
    const given = randomSecret(32);
    const { volumeKey } = await formatDevice(
      new MemoryDevice(SMALL_SIZE),
      { ...SMALL, volumeKey: given },
      KEYSLOT,
    );
    expect(Buffer.compare(volumeKey.bytes, given.bytes)).toBe(0);
    volumeKey.dispose();
    expect(given.disposed).toBe(false);
  });

  it.each([SMALL_SIZE, 4 * MIB])(
    'writes nothing behind a header on a device of its own (%i bytes)',
    async (size) => {
      const device = new MemoryDevice(new Uint8Array(size).fill(0xaa));
      const params = { ...SMALL, alignPayload: undefined, detached: true, dataOffset: 4096 };
      const { header } = await formatDevice(device, params, KEYSLOT);
      expect(header.metadata.segments[0]?.offset).toBe(String(2 * MIB));
      const end = 32768 + 512 * 1024;
      expect(device.content.subarray(end).every((byte) => byte === 0xaa)).toBe(true);
    },
  );

  it('leaves nothing of what was there, and the data alone', async () => {
    const device = new MemoryDevice(new Uint8Array(SMALL_SIZE).fill(0xaa));
    const { header } = await formatDevice(device, SMALL, KEYSLOT);
    const offset = Number(header.metadata.segments[0]?.offset);
    const region = device.content.subarray(0, offset);
    for (let at = 0; at < region.length; at += 512)
      expect(region.subarray(at, at + 512).every((byte) => byte === 0xaa)).toBe(false);
    expect(device.content.subarray(offset).every((byte) => byte === 0xaa)).toBe(true);
  });

  it('defaults to 512-bit XTS keys, 16 MiB of header, and data behind it', async () => {
    const { header, volumeKey } = await createHeader({});
    expect(volumeKey.length).toBe(64);
    expect(header.metadata.segments[0]).toEqual({
      type: 'crypt',
      offset: String(16 * MIB),
      size: 'dynamic',
      iv_tweak: '0',
      encryption: 'aes-xts-plain64',
      sector_size: 512,
    });
    expect(requiredHeaderSize({})).toBe(16 * MIB);
    expect(requiredHeaderSize({ detached: true })).toBe(16 * MIB);
    expect((await createHeader({ cipher: 'aes-cbc-essiv:sha256' })).volumeKey.length).toBe(32);
  });

  it.each([
    ['null', 'cipher_null-ecb'],
    ['aes', 'aes-cbc-plain'],
    ['aes-plain', 'aes-cbc-plain'],
    ['capi:xts(aes)-plain64', 'capi:xts(aes)-plain64'],
  ])('names the cipher %s in full', async (cipher, encryption) => {
    const { header, volumeKey } = await createHeader({ cipher });
    volumeKey.dispose();
    expect(header.metadata.segments[0]).toMatchObject({ encryption });
  });

  it.each<[string, string, FormatParams, size?: number]>([
    ['a metadata size of no header', 'INVALID_ARGUMENT', { metadataSize: 20480 }],
    ['a keyslots size that is no multiple of 4096', 'INVALID_ARGUMENT', { keyslotsSize: 65537 }],
    ['a keyslots size above 128 MiB', 'INVALID_ARGUMENT', { keyslotsSize: 129 * MIB }],
    [
      'a data offset that is no multiple of 4096',
      'INVALID_ARGUMENT',
      { dataOffset: 2049, alignPayload: undefined },
    ],
    ['a data offset inside the header', 'INVALID_ARGUMENT', { dataOffset: 64, alignPayload: undefined }],
    ['a data offset beside an alignment', 'INVALID_ARGUMENT', { dataOffset: 2048 }],
    ['a negative data offset', 'INVALID_ARGUMENT', { dataOffset: -8, alignPayload: undefined }],
    ['a sector size of no kind', 'INVALID_ARGUMENT', { sectorSize: 520 }],
    ['a label of 48 bytes', 'INVALID_ARGUMENT', { label: 'ä'.repeat(24) }],
    ['a subsystem with a NUL', 'INVALID_ARGUMENT', { subsystem: 'a\0b' }],
    ['a UUID of another form', 'INVALID_ARGUMENT', { uuid: 'x' }],
    ['a cipher nobody knows', 'NOT_SUPPORTED', { cipher: 'rot13-xts-plain64' }],
    ['an IV nobody knows', 'NOT_SUPPORTED', { cipher: 'aes-cbc-plain65' }],
    ['a key size the cipher does not take', 'INVALID_ARGUMENT', { keySize: 17 }],
    ['a hash nobody knows', 'NOT_SUPPORTED', { hash: 'md6' }],
    ['too few digest iterations', 'INVALID_ARGUMENT', { digestIterations: 1 }],
    ['a device without room for data', 'DEVICE_TOO_SMALL', {}, 32768 + 512 * 1024],
    [
      'a device without room for the header',
      'DEVICE_TOO_SMALL',
      { detached: true, alignPayload: undefined },
      65536,
    ],
    ['a data device without room for data', 'DEVICE_TOO_SMALL', { dataDeviceSize: 4096 }],
    ['a keyslots area without room for a key', 'NO_SPACE', { keyslotsSize: 4096 }],
  ])('refuses %s without a write', async (_name, code, params, size = SMALL_SIZE) => {
    const device = await FaultDevice.over(new MemoryDevice(size));
    await expect(formatDevice(device, { ...SMALL, ...params }, KEYSLOT)).rejects.toMatchObject({ code });
    expect(device.log).toEqual([]);
  });

  it('refuses a read-only device and a keyslot out of range', async () => {
    const readOnly = new MemoryDevice(SMALL_SIZE, { readOnly: true });
    await expect(formatDevice(readOnly, SMALL, KEYSLOT)).rejects.toMatchObject({ code: 'READ_ONLY' });
    const device = new MemoryDevice(SMALL_SIZE);
    await expect(formatDevice(device, SMALL, { ...KEYSLOT, keyslot: 32 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});
