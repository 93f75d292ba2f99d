import { beforeAll, describe, expect, it } from 'vitest';
import { FaultDevice, MemoryDevice } from '../../src/block/index.ts';
import { Secret } from '../../src/crypto/index.ts';
import { TscryptError } from '../../src/errors.ts';
import {
  cryptTable,
  dumpJson,
  dumpText,
  examineHeader,
  type Luks2Header,
  planRestore,
} from '../../src/luks2/index.ts';
import { parseJson, printJson } from '../../src/luks2/json.ts';
import { reseal, SMALL_SIZE, volume } from '../unit/luks2/images.ts';

/**
 * Headers changed at random, most of them with checksums made right again: whatever comes, it is a header or
 * the format's error, and nothing is written. `TSCRYPT_FUZZ_SEED` repeats a run, `TSCRYPT_FUZZ_RUNS` extends it.
 */
const SEED = Number(process.env.TSCRYPT_FUZZ_SEED ?? 20261122);
const RUNS = Number(process.env.TSCRYPT_FUZZ_RUNS ?? 10_000);

/** mulberry32: small, seedable, good enough to choose what to break. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const VALUES = [
  '0',
  '-1',
  '1',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '1e400',
  '1.5',
  'null',
  'true',
  '{}',
  '[]',
  '""',
  '"0"',
  '"32"',
  '"-1"',
  '"18446744073709551615"',
  '"18446744073709551616"',
  '"dynamic"',
  '"__proto__"',
  '[[[[]]]]',
  '{"0":{}}',
  '"\\ud800"',
  '"\\u0000"',
  '["0","0"]',
  '"crypt"',
  '"luks2"',
  '"reencrypt"',
  '"4096"',
];
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+|[{}[\],:]|true|false|null/g;

type Choose = (below: number) => number;

/** Replaces, removes, doubles or exchanges words of the JSON text. */
function breakText(text: string, choose: Choose): string {
  const words = text.match(TOKEN) ?? [];
  for (let times = 1 + choose(3); times > 0; times--) {
    const at = choose(words.length);
    const other = choose(words.length);
    switch (choose(5)) {
      case 0:
        words.splice(at, 1 + choose(4));
        break;
      case 1:
        words.splice(at, 0, ...words.slice(other, other + 1 + choose(8)));
        break;
      case 2:
        [words[at], words[other]] = [words[other] ?? '', words[at] ?? ''];
        break;
      default:
        words[at] = VALUES[choose(VALUES.length)] ?? '';
    }
  }
  return words.join('');
}

function breakBytes(bytes: Uint8Array, choose: Choose): void {
  for (let times = 1 + choose(4); times > 0; times--) {
    const at = choose(choose(2) === 0 ? 512 : 8192);
    bytes[at] = choose(3) === 0 ? 0xff : choose(256);
  }
}

describe('fuzzed headers', () => {
  let original: Uint8Array;
  let header: Luks2Header;
  let text: string;
  beforeAll(async () => {
    const made = await volume();
    original = made.device.content;
    ({ header } = made);
    text = printJson(header.metadata);
  });

  /** Both copies of a broken header; sealed, so that it is not the checksum that stops them. */
  function broken(choose: Choose): Uint8Array {
    const image = original.slice();
    const textual = choose(3) > 0;
    const changed = textual ? new TextEncoder().encode(breakText(text, choose)) : undefined;
    const bytesSeed = choose(2 ** 31);
    for (const start of [0, header.hdrSize]) {
      const copy = image.subarray(start, start + header.hdrSize);
      if (changed) {
        copy.fill(0, 4096);
        copy.set(changed.subarray(0, copy.length - 4096), 4096);
      } else breakBytes(copy, random(bytesSeed));
      if (textual || bytesSeed % 8 > 0) reseal(copy);
    }
    return image;
  }

  it(`gives a header or the format's error for ${RUNS} headers (seed ${SEED})`, async () => {
    const choose = random(SEED);
    const found = { accepted: 0, refused: 0 };
    const key = new Secret(16);
    for (let run = 0; run < RUNS; run++) {
      const device = new MemoryDevice(broken(choose), { readOnly: true });
      try {
        const state = await examineHeader(device);
        found.accepted++;
        useAll(state.header, key);
      } catch (error) {
        if (!(error instanceof TscryptError)) throw new Error(`run ${run}, seed ${SEED}`, { cause: error });
        expect(['INVALID_FORMAT', 'NOT_RECOGNISED', 'DEVICE_TOO_SMALL']).toContain(error.code);
        found.refused++;
      }
    }
    // Both ways must be taken, or the test has lost its object.
    expect(found.accepted).toBeGreaterThan(RUNS / 100);
    expect(found.refused).toBeGreaterThan(RUNS / 4);
  }, 600_000);

  /** What a caller does with a header it was given. */
  function useAll(accepted: Luks2Header, volumeKey: Secret): void {
    expect(printJson(parseJson(printJson(accepted.metadata)).value)).toBe(printJson(accepted.metadata));
    expect(dumpText(accepted)).toContain('LUKS header information');
    expect(dumpJson(accepted)).toContain('"keyslots"');
    try {
      for (const line of cryptTable(accepted, { device: 'd', dataSize: SMALL_SIZE, volumeKey }))
        for (const arg of line.args) if (arg instanceof Secret) arg.dispose();
    } catch (error) {
      if (!(error instanceof TscryptError)) throw error;
      expect(['REQUIREMENT_UNMET', 'NOT_SUPPORTED', 'DEVICE_TOO_SMALL', 'INVALID_ARGUMENT']).toContain(
        error.code,
      );
    }
  }

  it('as backups write nothing when they are checked', async () => {
    const choose = random(SEED + 1);
    const device = await FaultDevice.over(new MemoryDevice(original.slice()));
    for (let run = 0; run < 300; run++) {
      await planRestore(device, broken(choose)).catch((error) => {
        if (!(error instanceof TscryptError)) throw error;
      });
    }
    expect(device.log).toEqual([]);
  });
});
