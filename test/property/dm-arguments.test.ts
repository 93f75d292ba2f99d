import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../src/block/index.ts';
import { MappedDevice } from '../../src/dm/index.ts';
import { TscryptError } from '../../src/errors.ts';
import { formatTable, parseTable } from '../../src/table/index.ts';

const KEY = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const word = fc.oneof(
  fc.constantFrom(
    'disk',
    '0',
    '1',
    '2',
    '8',
    '4096',
    KEY,
    KEY + KEY,
    '-',
    ':32:logon:k',
    'zz',
    '99999999999999999999',
  ),
  fc.constantFrom(
    'aes-xts-plain64',
    'aes-cbc-essiv:sha256',
    'aes',
    'capi:xts(aes)-plain64',
    'aes:3-cbc-plain',
    'x-y-z',
  ),
  fc.constantFrom(
    'allow_discards',
    'iv_large_sectors',
    'sector_size:4096',
    'sector_size:1',
    'integrity:16:aead',
  ),
  fc.string({ minLength: 1, maxLength: 6 }),
);
/** Mostly right, so that later checks are reached. */
const cryptWords = fc.tuple(
  fc.oneof(fc.constantFrom('aes-xts-plain64', 'aes-cbc-plain64'), word),
  fc.oneof(fc.constant(KEY), word),
  fc.oneof(fc.constantFrom('0', '8'), word),
  fc.oneof(fc.constant('disk'), word),
  fc.oneof(fc.constantFrom('0', '8'), word),
  fc.array(word, { maxLength: 4 }),
);
const line = fc.oneof(
  fc.tuple(fc.constantFrom('linear', 'zero', 'error', 'crypt', 'nosuch'), fc.array(word, { maxLength: 7 })),
  cryptWords.map(([cipher, key, iv, device, offset, rest]) => {
    return ['crypt', [cipher, key, iv, device, offset, ...rest]] as [string, string[]];
  }),
);

describe('the arguments of targets', () => {
  it('make a device that says the same again, or an error that says what is wrong', async () => {
    let made = 0;
    await fc.assert(
      fc.asyncProperty(line, fc.nat(64), async ([type, args], length) => {
        const openDevice = async (name: string): Promise<MemoryDevice> => {
          if (name === 'disk') return new MemoryDevice(64 * 512, { name });
          throw new TscryptError('NO_SUCH_DEVICE', 'not there');
        };
        try {
          const device = await MappedDevice.create({
            name: 'm',
            table: [{ start: 0, length, type, args }],
            openDevice,
          });
          const text = formatTable(device.table(), { showKeys: true });
          const again = await MappedDevice.create({ name: 'm', table: parseTable(text), openDevice });
          expect(formatTable(again.table(), { showKeys: true })).toBe(text);
          await device.close();
          await again.close();
          made++;
        } catch (error) {
          expect(error).toBeInstanceOf(TscryptError);
          expect((error as TscryptError).code).not.toBe('INTERNAL');
          // A cipher that is not known is named, even if somebody has put a key there.
          if (!args[0]?.includes(KEY))
            expect((error as TscryptError).message).not.toContain(KEY.slice(0, 16));
        }
      }),
      { numRuns: 1000 },
    );
    expect(made).toBeGreaterThan(20);
  });
});
