import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../src/block/index.ts';
import type { Secret } from '../../src/crypto/index.ts';
import { TscryptError } from '../../src/errors.ts';
import {
  addKeyslot,
  backupHeader,
  changeKeyslot,
  examineHeader,
  formatDevice,
  type Luks2Header,
  readHeader,
  recoverHeader,
  removeKeyslot,
  restoreHeader,
  setLabels,
  unlock,
} from '../../src/luks2/index.ts';
import { printJson } from '../../src/luks2/json.ts';
import { MIB } from '../../src/units.ts';
import { CHEAP, passphrase, SMALL, SMALL_SIZE, volume } from '../unit/luks2/images.ts';

/**
 * The power is cut at every write, with and without the writes since the last flush being lost or torn.
 * What is left must open with the old or with the new passphrases, all of them and no others.
 */

/** Key sets already found, by everything they depend on: most cuts leave one of a few states. */
const known = new Map<string, string>();

/** Passphrases that open what is on the device, as `a b`; `none` without a LUKS2 header that can be read. */
async function keySet(image: Uint8Array, candidates: readonly string[], key: Secret): Promise<string> {
  const device = new MemoryDevice(image);
  let header: Luks2Header;
  try {
    header = await readHeader(device);
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    return 'none';
  }
  const state = createHash('sha256')
    .update(printJson([header.metadata, candidates]))
    .update(key.bytes);
  for (const { area } of Object.values(header.metadata.keyslots))
    state.update(image.subarray(Number(area.offset), Number(area.offset) + Number(area.size)));
  const id = state.digest('hex');
  const found = known.get(id) ?? (await openAll(device, header, candidates, key));
  known.set(id, found);
  return found;
}

async function openAll(
  device: MemoryDevice,
  header: Luks2Header,
  candidates: readonly string[],
  key: Secret,
): Promise<string> {
  const opened: string[] = [];
  for (const text of candidates) {
    const found = await unlock(device, header, { passphrase: passphrase(text) });
    if (!found) continue;
    opened.push(Buffer.compare(found.volumeKey.bytes, key.bytes) === 0 ? text : `${text} (wrong key)`);
  }
  return opened.join(' ');
}

interface Scenario {
  readonly name: string;
  /** The state before. */
  prepare(): Promise<{ device: MemoryDevice; volumeKey: Secret; newKey?: Secret }>;
  change(device: FaultDevice, volumeKey: Secret): Promise<unknown>;
  readonly candidates: readonly string[];
  /** Every key set that may be found; the last one when nothing was cut. */
  readonly allowed: readonly string[];
}

async function with2(): Promise<{ device: MemoryDevice; volumeKey: Secret }> {
  const { device, header, volumeKey } = await volume('a');
  await addKeyslot(device, header, volumeKey, passphrase('b'), { pbkdf: CHEAP });
  return { device, volumeKey };
}

/** A volume with keys `b` and `c`, and the backup of its header from when it had `a` and `b`. */
async function withBackup() {
  const { device, volumeKey } = await with2();
  const backup = await backupHeader(device);
  let header = await readHeader(device);
  ({ header } = await changeKeyslot(device, header, 0, volumeKey, passphrase('c'), { pbkdf: CHEAP }));
  return { device, volumeKey, backup, header };
}

let backup: Uint8Array;

/** Formats the small device with a key of the test's own, so that a key that opens can be known. */
const format = (device: FaultDevice, volumeKey: Secret, text: string) =>
  formatDevice(device, { ...SMALL, volumeKey }, { passphrase: passphrase(text), pbkdf: CHEAP });

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'format of an empty device',
    prepare: async () => ({ ...(await volume('x')), device: new MemoryDevice(SMALL_SIZE) }),
    change: (device, key) => format(device, key, 'n'),
    candidates: ['n'],
    allowed: ['none', 'n'],
  },
  {
    name: 'format over a volume',
    prepare: with2,
    change: (device, key) => format(device, key, 'n'),
    candidates: ['a', 'b', 'n'],
    allowed: ['a b', 'none', 'n'],
  },
  {
    name: 'format over a volume with a larger metadata area, whose second header lies in the new data',
    prepare: () =>
      volume('a', { ...SMALL, metadataSize: 256 * 1024, keyslotsSize: 256 * 1024 }, 2 * MIB).then((v) => v),
    change: (device, volumeKey) =>
      formatDevice(
        device,
        { ...SMALL, volumeKey, keyslotsSize: 68 * 1024 },
        { passphrase: passphrase('n'), pbkdf: CHEAP },
      ),
    candidates: ['a', 'n'],
    allowed: ['a', 'none', 'n'],
  },
  {
    name: 'format over a volume beside which an older header was left over',
    prepare: async () => {
      const older = await volume('x', { ...SMALL, metadataSize: 128 * 1024 });
      const prepared = await volume('a');
      const at = 128 * 1024;
      prepared.device.content.set(older.device.content.subarray(at, 2 * at), at);
      return prepared;
    },
    change: (device, key) => format(device, key, 'n'),
    candidates: ['a', 'n', 'x'],
    allowed: ['a', 'none', 'n'],
  },
  {
    name: 'addKeyslot',
    prepare: with2,
    change: async (device, key) =>
      addKeyslot(device, await readHeader(device), key, passphrase('c'), { pbkdf: CHEAP }),
    candidates: ['a', 'b', 'c'],
    allowed: ['a b', 'a b c'],
  },
  {
    name: 'removeKeyslot',
    prepare: with2,
    change: async (device) => removeKeyslot(device, await readHeader(device), 0),
    candidates: ['a', 'b'],
    allowed: ['a b', 'b'],
  },
  {
    name: 'changeKeyslot',
    prepare: with2,
    change: async (device, key) =>
      changeKeyslot(device, await readHeader(device), 0, key, passphrase('c'), { pbkdf: CHEAP }),
    candidates: ['a', 'b', 'c'],
    allowed: ['a b', 'b c'],
  },
  {
    name: 'changeKeyslot to another number',
    prepare: with2,
    change: async (device, key) =>
      changeKeyslot(device, await readHeader(device), 0, key, passphrase('c'), { pbkdf: CHEAP, keyslot: 9 }),
    candidates: ['a', 'b', 'c'],
    allowed: ['a b', 'b c'],
  },
  {
    name: 'setLabels',
    prepare: with2,
    change: async (device) => setLabels(device, await readHeader(device), { label: 'new' }),
    candidates: ['a', 'b'],
    allowed: ['a b'],
  },
  {
    name: 'addKeyslot where the secondary header is the only good one',
    prepare: async () => {
      const prepared = await with2();
      prepared.device.content.fill(0, 0, 4096);
      return prepared;
    },
    change: async (device, key) =>
      addKeyslot(device, await readHeader(device), key, passphrase('c'), { pbkdf: CHEAP }),
    candidates: ['a', 'b', 'c'],
    allowed: ['a b', 'a b c'],
  },
  {
    name: 'recoverHeader of the primary',
    prepare: async () => {
      const prepared = await with2();
      prepared.device.content.fill(0, 0, 4096);
      return prepared;
    },
    change: recoverHeader,
    candidates: ['a', 'b'],
    allowed: ['a b'],
  },
  {
    name: 'recoverHeader of the secondary',
    prepare: async () => {
      const prepared = await with2();
      prepared.device.content.fill(0, 16384, 16384 + 4096);
      return prepared;
    },
    change: recoverHeader,
    candidates: ['a', 'b'],
    allowed: ['a b'],
  },
  {
    name: 'restoreHeader where all new key material fits beside the old',
    prepare: async () => {
      const prepared = await withBackup();
      ({ backup } = prepared);
      return prepared;
    },
    change: (device) => restoreHeader(device, backup),
    candidates: ['a', 'b', 'c'],
    allowed: ['b c', 'a b'],
  },
  {
    name: 'restoreHeader where old and new key material want the same place',
    prepare: async () => {
      const prepared = await withBackup();
      ({ backup } = prepared);
      const { device, volumeKey } = prepared;
      let { header } = prepared;
      header = await removeKeyslot(device, header, 1);
      for (const text of ['d', 'e'])
        ({ header } = await addKeyslot(device, header, volumeKey, passphrase(text), { pbkdf: CHEAP }));
      return prepared;
    },
    change: (device) => restoreHeader(device, backup),
    candidates: ['a', 'b', 'c', 'd', 'e'],
    allowed: ['c d e', 'a b'],
  },
  {
    name: 'restoreHeader over a header that is newer by many writes',
    prepare: async () => {
      const prepared = await withBackup();
      ({ backup } = prepared);
      const { device } = prepared;
      let { header } = prepared;
      for (const label of ['1', '2', '3']) header = await setLabels(device, header, { label });
      return prepared;
    },
    change: (device) => restoreHeader(device, backup),
    candidates: ['a', 'b', 'c'],
    allowed: ['b c', 'a b'],
  },
  {
    name: 'restoreHeader of a header from after the one on the device',
    prepare: async () => {
      const { device, volumeKey } = await with2();
      const before = device.content.slice();
      const header = await readHeader(device);
      await changeKeyslot(device, header, 1, volumeKey, passphrase('c'), { pbkdf: CHEAP });
      backup = await backupHeader(device);
      return { device: new MemoryDevice(before), volumeKey };
    },
    change: (device) => restoreHeader(device, backup),
    candidates: ['a', 'b', 'c'],
    allowed: ['a b', 'a c'],
  },
  {
    name: 'restoreHeader over a destroyed header',
    prepare: async () => {
      const { device, volumeKey } = await with2();
      backup = await backupHeader(device);
      device.content.fill(0, 0, 65536);
      return { device, volumeKey };
    },
    change: (device) => restoreHeader(device, backup),
    candidates: ['a', 'b'],
    allowed: ['none', 'a b'],
  },
  {
    name: 'restoreHeader in place, without room beside the old keyslots',
    prepare: async () => {
      const prepared = await volume('a', { ...SMALL, keyslotsSize: 68 * 1024 });
      backup = await backupHeader(prepared.device);
      const other = await formatDevice(
        prepared.device,
        { ...SMALL, keyslotsSize: 68 * 1024, volumeKey: prepared.volumeKey },
        { passphrase: passphrase('b'), pbkdf: CHEAP },
      );
      other.volumeKey.dispose();
      return prepared;
    },
    change: (device) => restoreHeader(device, backup, { inPlace: true }),
    candidates: ['a', 'b'],
    allowed: ['b', 'none', 'a'],
  },
];

describe.each(SCENARIOS)('$name', (scenario) => {
  it('leaves the old or the new key set wherever the power is cut', async () => {
    const { device: before, volumeKey } = await scenario.prepare();
    const device = await FaultDevice.over(before);
    await scenario.change(device, volumeKey);
    expect(device.changes).toBeGreaterThan(0);

    const seen = new Map<string, string>();
    const look = async (what: string, image: Uint8Array) => {
      const found = await keySet(image, scenario.candidates, volumeKey);
      expect(scenario.allowed, what).toContain(found);
      seen.set(found, what);
    };
    for (let count = 0; count <= device.changes; count++) {
      await look(`after ${count} changes`, device.imageAfter(count));
      await look(`${count}, unflushed lost`, device.imageAfter(count, { lose: () => true }));
      for (const tornSectors of [1, 8, 9]) {
        const others = (_change: unknown, index: number) => index < count - 1;
        await look(`${count}, last torn`, device.imageAfter(count, { tornSectors }));
        await look(`${count}, only torn`, device.imageAfter(count, { tornSectors, lose: others }));
      }
      await look(`${count}, even lost`, device.imageAfter(count, { lose: (_change, i) => i % 2 === 0 }));
    }
    const final = scenario.allowed.at(-1);
    expect(
      await keySet(device.imageAfter(device.changes, { lose: () => true }), scenario.candidates, volumeKey),
    ).toBe(final);
    // The test must see both sides of the change.
    expect(seen.has(scenario.allowed[0] ?? '')).toBe(true);
  }, 120_000);

  it('leaves the old or the new key set whatever part of the unflushed writes landed', async () => {
    const { device: before, volumeKey } = await scenario.prepare();
    const device = await FaultDevice.over(before);
    await scenario.change(device, volumeKey);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: device.changes }),
        fc.array(fc.boolean(), { minLength: device.changes, maxLength: device.changes }),
        fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
        async (count, lost, torn) => {
          const lose = (_change: unknown, index: number) => lost[index] ?? false;
          const options = torn === undefined ? { lose } : { lose, tornSectors: torn };
          const image = device.imageAfter(count, options);
          expect(scenario.allowed).toContain(await keySet(image, scenario.candidates, volumeKey));
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});

describe('after a power cut', () => {
  it('recovery makes both copies the same again', async () => {
    const { device: before, volumeKey } = await with2();
    const device = await FaultDevice.over(before);
    await addKeyslot(device, await readHeader(device), volumeKey, passphrase('c'), { pbkdf: CHEAP });
    for (let count = 0; count <= device.changes; count++) {
      const image = new MemoryDevice(device.imageAfter(count, { tornSectors: 3 }));
      const { header } = await recoverHeader(image);
      const after = await examineHeader(image);
      expect(after.repair).toEqual([]);
      expect(after.header).toEqual(header);
    }
  });

  it('an interrupted restore can be done again', async () => {
    const { device: before, volumeKey, backup: bytes } = await withBackup();
    const device = await FaultDevice.over(before);
    await restoreHeader(device, bytes);
    for (let count = 0; count <= device.changes; count++) {
      const image = new MemoryDevice(device.imageAfter(count, { lose: () => true }));
      await restoreHeader(image, bytes);
      expect(await keySet(image.content, ['a', 'b', 'c'], volumeKey)).toBe('a b');
      expect(Buffer.compare(await backupHeader(image), bytes)).toBe(0);
    }
  }, 120_000);
});

describe('a write that fails', () => {
  it('is reported, and the old key set stays', async () => {
    for (let after = 0; ; after++) {
      const { device: before, volumeKey } = await with2();
      const device = await FaultDevice.over(before);
      const header = await readHeader(device);
      device.fail({ kind: 'write', after });
      try {
        await addKeyslot(device, header, volumeKey, passphrase('c'), { pbkdf: CHEAP });
        expect(after).toBeGreaterThan(2);
        break;
      } catch (error) {
        expect(error).toMatchObject({ code: 'IO_ERROR' });
        expect(['a b', 'a b c']).toContain(await keySet(before.content, ['a', 'b', 'c'], volumeKey));
      }
    }
  });
});
