import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import {
  addKeyslot,
  backupHeader,
  formatDevice,
  planRestore,
  readHeader,
  restoreHeader,
  setLabels,
  setUuid,
  unlock,
} from '../../../src/luks2/index.ts';
import { MIB } from '../../../src/units.ts';
import { CHEAP, passphrase, SMALL, SMALL_SIZE, volume, writeMetadata } from './images.ts';

describe('backupHeader', () => {
  it('is the header region as it is', async () => {
    const { device } = await volume();
    const backup = await backupHeader(device);
    expect(backup.length).toBe(32768 + 512 * 1024);
    expect(Buffer.compare(backup, device.content.subarray(0, backup.length))).toBe(0);
  });
});

describe('restoreHeader', () => {
  it('gives the backup back byte for byte and touches no data', async () => {
    const { device, header, volumeKey } = await volume('a');
    device.content.fill(0x5a, 32768 + 512 * 1024);
    const backup = await backupHeader(device);
    const { header: later } = await addKeyslot(device, header, volumeKey, passphrase('b'), { pbkdf: CHEAP });
    await setLabels(device, later, { label: 'later' });
    const restored = await restoreHeader(device, backup);
    expect(restored).toEqual(header);
    expect(Buffer.compare(device.content.subarray(0, backup.length), backup)).toBe(0);
    expect(device.content.subarray(backup.length).every((byte) => byte === 0x5a)).toBe(true);
  });

  it('works on a device that has lost its header', async () => {
    const { device, header } = await volume('a');
    const backup = await backupHeader(device);
    device.content.fill(0xff, 0, backup.length);
    expect((await planRestore(device, backup)).current).toBeUndefined();
    await restoreHeader(device, backup);
    expect((await unlock(device, header, { passphrase: passphrase('a') }))?.keyslot).toBe(0);
  });

  it('makes a copy anew that was damaged in the backup', async () => {
    const { device, header } = await volume('a');
    const backup = await backupHeader(device);
    backup.fill(0, 0, 512);
    await restoreHeader(device, backup);
    expect(await readHeader(device)).toEqual(header);
  });

  it('says when the UUID or the requirements of the device need a question', async () => {
    const { device, header } = await volume('a');
    const backup = await backupHeader(device);
    expect(await planRestore(device, backup)).toMatchObject({ uuidDiffers: false, currentRequirements: [] });
    const other = await setUuid(device, header);
    writeMetadata(device, other, (m) => {
      m.config.requirements = { mandatory: ['future'] };
    });
    expect(await planRestore(device, backup)).toMatchObject({
      uuidDiffers: true,
      currentRequirements: ['future'],
    });
  });

  it('uses the slack before the data where the keyslots area is full', async () => {
    const params = { ...SMALL, keyslotsSize: 64 * 1024, alignPayload: 1024 };
    const { device, volumeKey } = await volume('a', params);
    const backup = await backupHeader(device);
    await formatDevice(device, { ...params, volumeKey }, { passphrase: passphrase('b'), pbkdf: CHEAP });
    const header = await restoreHeader(device, backup);
    expect((await unlock(device, header, { passphrase: passphrase('a') }))?.keyslot).toBe(0);
    const slack = device.content.subarray(backup.length, 512 * 1024);
    expect(slack.every((byte) => byte === 0)).toBe(true);
  });

  it.each([SMALL_SIZE, 128 * 1024])(
    'uses nothing behind a header on a device of its own (%i bytes)',
    async (size) => {
      const params = { ...SMALL, keyslotsSize: 64 * 1024, alignPayload: 1024, detached: true };
      const { device: memory, volumeKey } = await volume('a', params, size);
      const backup = await backupHeader(memory);
      memory.content.fill(0x5a, backup.length);
      await formatDevice(memory, { ...params, volumeKey }, { passphrase: passphrase('b'), pbkdf: CHEAP });
      const device = await FaultDevice.over(memory);
      const refused = restoreHeader(device, backup, { detached: true });
      await expect(refused).rejects.toMatchObject({ code: 'NO_SPACE' });
      expect(device.log).toEqual([]);
      await restoreHeader(device, backup, { detached: true, inPlace: true });
      expect(Buffer.compare(await backupHeader(device), backup)).toBe(0);
      expect(memory.content.subarray(backup.length).every((byte) => byte === 0x5a)).toBe(true);
    },
  );

  it('refuses without a write what does not fit, unless told to risk it', async () => {
    const params = { ...SMALL, keyslotsSize: 64 * 1024 };
    const { device: memory, volumeKey } = await volume('a', params);
    const backup = await backupHeader(memory);
    await formatDevice(memory, { ...params, volumeKey }, { passphrase: passphrase('b'), pbkdf: CHEAP });
    const device = await FaultDevice.over(memory);
    await expect(restoreHeader(device, backup)).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(device.log).toEqual([]);
    await restoreHeader(device, backup, { inPlace: true });
    expect(Buffer.compare(await backupHeader(device), backup)).toBe(0);
  });

  it.each<[string, string, () => Promise<{ device: MemoryDevice; backup: Uint8Array }>]>([
    [
      'another data offset',
      'INVALID_ARGUMENT',
      async () => ({
        device: (await volume('b', { ...SMALL, alignPayload: 1024 }, 2 * MIB)).device,
        backup: await backupHeader((await volume('a')).device),
      }),
    ],
    [
      'another header size',
      'INVALID_ARGUMENT',
      async () => ({
        device: (await volume('b', { ...SMALL, metadataSize: 32768, keyslotsSize: 480 * 1024 })).device,
        backup: await backupHeader((await volume('a')).device),
      }),
    ],
    [
      'a device that is too small',
      'DEVICE_TOO_SMALL',
      async () => ({
        device: new MemoryDevice(65536),
        backup: await backupHeader((await volume('a')).device),
      }),
    ],
    [
      'a read-only device',
      'READ_ONLY',
      async () => ({
        device: new MemoryDevice(SMALL_SIZE, { readOnly: true }),
        backup: await backupHeader((await volume('a')).device),
      }),
    ],
    [
      'a backup with a requirement',
      'REQUIREMENT_UNMET',
      async () => {
        const { device, header } = await volume('a');
        writeMetadata(device, header, (m) => {
          m.config.requirements = { mandatory: ['future'] };
        });
        return { device: new MemoryDevice(SMALL_SIZE), backup: await backupHeader(device) };
      },
    ],
    [
      'a backup cut short',
      'DEVICE_TOO_SMALL',
      async () => ({
        device: new MemoryDevice(SMALL_SIZE),
        backup: (await backupHeader((await volume('a')).device)).subarray(0, 300_001),
      }),
    ],
    [
      'an empty backup',
      'NOT_RECOGNISED',
      async () => ({ device: (await volume('a')).device, backup: new Uint8Array(0) }),
    ],
  ])('refuses %s without a write', async (_name, code, prepare) => {
    const { device: memory, backup } = await prepare();
    const device = await FaultDevice.over(memory);
    await expect(restoreHeader(device, backup)).rejects.toMatchObject({ code });
    expect(device.log).toEqual([]);
  });
});
