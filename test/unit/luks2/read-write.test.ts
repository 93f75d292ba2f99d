import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../../src/block/index.ts';
import {
  dumpText,
  examineHeader,
  formatDevice,
  isLuks2,
  type Luks2Header,
  readHeader,
  recoverHeader,
  setLabels,
  writeHeader,
} from '../../../src/luks2/index.ts';
import { parseJson, printJson } from '../../../src/luks2/json.ts';
import { HEADER_SIZES } from '../../../src/luks2/ondisk.ts';
import { MIB } from '../../../src/units.ts';
import { pattern } from '../../suites/block-device.ts';
import { CHEAP, type Loose, passphrase, reseal, SMALL, volume, writeMetadata } from './images.ts';

const kill = (device: MemoryDevice, offset: number) => device.content.fill(0, offset, offset + 512);

describe('choice of the copy', () => {
  it('takes the newer one and names the other for repair', async () => {
    const { device, header } = await volume();
    const before = device.content.slice();
    await setLabels(device, header, { label: 'new' });
    const mixed = new MemoryDevice(device.content.slice());
    mixed.content.set(before.subarray(0, 16384));
    expect(await examineHeader(mixed)).toMatchObject({
      header: { label: 'new', seqid: 2 },
      repair: ['primary'],
    });
    mixed.content.set(device.content.subarray(0, 16384));
    mixed.content.set(before.subarray(16384, 32768), 16384);
    expect(await examineHeader(mixed)).toMatchObject({
      header: { label: 'new', seqid: 2 },
      repair: ['secondary'],
    });
  });

  it('calls two copies of one number and different content inconsistent', async () => {
    const { device, header } = await volume();
    const other = new MemoryDevice(device.content.slice());
    await setLabels(device, header, { label: 'one' });
    await setLabels(other, header, { label: 'two' });
    device.content.set(other.content.subarray(16384, 32768), 16384);
    expect(await examineHeader(device)).toMatchObject({ header: { label: 'one' }, repair: ['secondary'] });
  });

  it.each(HEADER_SIZES)('finds the secondary copy of a header of %i bytes', async (metadataSize) => {
    const device = new MemoryDevice(2 * metadataSize + MIB);
    const { header } = await formatDevice(
      device,
      { ...SMALL, metadataSize },
      { passphrase: passphrase('a'), pbkdf: CHEAP },
    );
    kill(device, 0);
    expect(await examineHeader(device)).toEqual({ header, repair: ['primary'] });
    const { repair } = await recoverHeader(device);
    expect(repair).toEqual(['primary']);
    kill(device, metadataSize);
    expect(await examineHeader(device)).toEqual({ header, repair: ['secondary'] });
  });

  it.each<[string, number, string]>([
    ['a swap area', 4086, 'SWAPSPACE2'],
    ['XFS', 0, 'XFSB'],
    ['a partition table', 510, '\x55\xaa'],
    ['ext4', 1080, '\x53\xef'],
    ['LUKS1', 0, 'LUKS\xba\xbe\0\x01'],
  ])('does not take %s for a damaged header, though an old secondary copy is left', async (_, at, magic) => {
    const { device: memory, header } = await volume();
    memory.content.fill(0, 0, 4096);
    memory.content.set(Buffer.from(magic, 'latin1'), at);
    const device = await FaultDevice.over(memory);
    for (const attempt of [readHeader(device), recoverHeader(device)]) {
      await expect(attempt).rejects.toMatchObject({ code: 'INVALID_FORMAT' });
    }
    expect(await isLuks2(device)).toBe(false);
    expect(device.log).toEqual([]);
    // Damage of any other kind is repaired as before.
    memory.content.set(pattern(4096, 7));
    expect((await recoverHeader(memory)).header).toEqual(header);
  });

  it('gives each copy a salt of its own, and a new one with each write', async () => {
    const { device, header } = await volume();
    const salts = () =>
      [0, 16384].map((at) => Buffer.from(device.content.subarray(at + 0x68, at + 0xa8)).toString('hex'));
    const first = salts();
    await writeHeader(device, header);
    expect(new Set([...first, ...salts()]).size).toBe(4);
  });

  it('knows what is no LUKS2', async () => {
    const empty = new MemoryDevice(MIB);
    await expect(readHeader(empty)).rejects.toMatchObject({ code: 'NOT_RECOGNISED' });
    expect(await isLuks2(empty)).toBe(false);
    const { device } = await volume();
    expect(await isLuks2(device)).toBe(true);
    device.content[0x1000] = 0;
    device.content[16384 + 0x1000] = 0;
    await expect(readHeader(device)).rejects.toMatchObject({ code: 'INVALID_FORMAT' });
  });

  it('passes errors of the device through', async () => {
    const { device } = await volume();
    const faulty = await FaultDevice.over(device);
    faulty.fail({ kind: 'read', offset: 4096, length: 512 });
    await expect(readHeader(faulty)).rejects.toMatchObject({ code: 'IO_ERROR' });
  });
});

describe('writing', () => {
  it('refuses a header that somebody else has changed', async () => {
    const { device, header } = await volume();
    await setLabels(device, header, { label: 'mine' });
    const before = device.content.slice();
    await expect(setLabels(device, header, { label: 'yours' })).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
    });
    expect(Buffer.compare(device.content, before)).toBe(0);
  });

  it('refuses JSON that does not fit before anything is written, to the byte', async () => {
    const { device, header } = await volume();
    const length = printJson(header.metadata).length;
    const room = 16384 - 4096 - length - ',"x":""'.length - 1;
    const padded = (size: number): Luks2Header => ({
      ...header,
      metadata: { ...header.metadata, x: 'x'.repeat(size) },
    });
    const before = device.content.slice();
    await expect(writeHeader(device, padded(room + 1))).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(Buffer.compare(device.content, before)).toBe(0);
    await writeHeader(device, padded(room));
    expect((await readHeader(device)).metadata.x).toHaveLength(room);
  });

  it('refuses a header that breaks the rules, a device that is read-only, numbers that end', async () => {
    const { device, header } = await volume();
    const broken = { ...header, metadata: { ...header.metadata, segments: {} } };
    await expect(writeHeader(device, broken)).rejects.toMatchObject({ code: 'INVALID_FORMAT' });
    const readOnly = new MemoryDevice(device.content, { readOnly: true });
    await expect(writeHeader(readOnly, header)).rejects.toMatchObject({ code: 'READ_ONLY' });
    const last = { ...header, seqid: Number.MAX_SAFE_INTEGER };
    await expect(writeHeader(device, last)).rejects.toMatchObject({ code: 'INVALID_FORMAT' });
  });

  it('keeps unknown members everywhere, untouched and in order', async () => {
    const { device, header } = await volume();
    const json = fc.json({ maxDepth: 3 }).map((text) => parseJson(text).value);
    await fc.assert(
      fc.asyncProperty(json, json, fc.stringMatching(/^[a-z_]{1,8}[0-9]$/), async (a, b, name) => {
        const image = new MemoryDevice(device.content.slice());
        writeMetadata(image, header, (m: Loose) => {
          m[name] = a;
          m.keyslots[0][name] = b;
          m.keyslots[0].area[name] = a;
          m.keyslots[0].kdf[name] = b;
          m.segments[0][name] = a;
          m.digests[0][name] = b;
          m.config[name] = a;
          m.config.requirements = { [name]: b };
          m.tokens[7] = { type: 't', keyslots: ['0'], [name]: a };
        });
        const read = await readHeader(image);
        const text = printJson(read.metadata);
        const written = await setLabels(image, read, { label: 'changed' });
        expect(printJson(written.metadata)).toBe(text);
        expect(printJson((await readHeader(image)).metadata)).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps a label that is not UTF-8', async () => {
    const { device, header } = await volume();
    const label = Uint8Array.of(0x41, 0xe4, 0xff, 0x80);
    for (const at of [0, 16384]) {
      const copy = device.content.subarray(at, at + 16384);
      copy.set(label, 0x18);
      reseal(copy);
    }
    const read = await readHeader(device);
    expect(dumpText(read)).toContain('Label:         \tA');
    await setLabels(device, read, { subsystem: 's' });
    expect([...device.content.subarray(0x18, 0x18 + 5)]).toEqual([...label, 0]);
    expect(header.label).toBe('');
  });
});
