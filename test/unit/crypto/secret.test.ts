import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import {
  equalConstantTime,
  randomFill,
  randomSecret,
  Secret,
  type SecretAllocator,
  useSecretAllocator,
} from '../../../src/crypto/index.ts';

describe('Secret', () => {
  it('takes bytes over and zeroes where they came from', () => {
    const source = Uint8Array.of(1, 2, 3);
    const secret = Secret.take(source);
    expect([...secret.bytes]).toEqual([1, 2, 3]);
    expect([...source]).toEqual([0, 0, 0]);
  });

  it('zeroes its memory when disposed of, and is of no use afterwards', () => {
    const secret = Secret.copy(Uint8Array.of(1, 2, 3));
    const { bytes } = secret;
    secret.dispose();
    secret.dispose();
    expect([...bytes]).toEqual([0, 0, 0]);
    expect(secret.disposed).toBe(true);
    expect(() => secret.bytes).toThrowError(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('shows its content in no text', () => {
    const secret = Secret.copy(Buffer.from('hunter2'));
    for (const shown of [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), inspect(secret)]) {
      expect(shown).not.toMatch(/hunter2|68, ?117|68 75/);
    }
  });

  it('begins as zeroes', () => {
    expect([...new Secret(40).bytes]).toEqual(Array(40).fill(0));
    expect(new Secret(0).bytes.length).toBe(0);
  });

  describe('with an allocator', () => {
    const given: Uint8Array[] = [];
    const released: Uint8Array[] = [];
    const allocator: SecretAllocator = {
      allocate(length) {
        const memory = new Uint8Array(length);
        given.push(memory);
        return memory;
      },
      release: (memory) => released.push(memory),
    };
    const plain: SecretAllocator = { allocate: (length) => new Uint8Array(length), release: () => {} };
    afterEach(() => useSecretAllocator(plain));

    it('lives there, and gives the memory back to the one it came from', () => {
      useSecretAllocator(allocator);
      const secret = randomSecret(32);
      useSecretAllocator(plain);
      secret.dispose();
      expect(released).toEqual(given);
      expect(released[0]?.every((byte) => byte === 0)).toBe(true);
    });
  });
});

describe('random bytes', () => {
  it('fill all of it, and nothing else', () => {
    const memory = new Uint8Array(96);
    const part = memory.subarray(32, 64);
    expect(randomFill(part)).toBe(part);
    expect(part.some((byte) => byte !== 0)).toBe(true);
    expect([...memory.subarray(0, 32), ...memory.subarray(64)]).toEqual(Array(64).fill(0));
  });

  it('are different every time', () => {
    expect(randomSecret(32).bytes).not.toEqual(randomSecret(32).bytes);
  });
});

describe('equalConstantTime', () => {
  it('compares', () => {
    expect(equalConstantTime(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalConstantTime(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(equalConstantTime(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false);
    expect(equalConstantTime(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  });
});
