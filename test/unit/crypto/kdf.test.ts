import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { argon2i as nobleArgon2i, argon2id as nobleArgon2id } from '@noble/hashes/argon2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argon2Engines } from '../../../src/crypto/argon2-engines.ts';
import { argon2, derive, pbkdf2, type Secret } from '../../../src/crypto/index.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const hex = (secret: Secret | Uint8Array) =>
  Buffer.from(secret instanceof Uint8Array ? secret : secret.bytes).toString('hex');
const text = (value: string) => Buffer.from(value, 'latin1');

describe('PBKDF2', () => {
  // RFC 6070, section 2.
  it.each([
    ['password', 'salt', 1, 20, '0c60c80f961f0e71f3a9b524af6012062fe037a6'],
    ['password', 'salt', 2, 20, 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957'],
    ['password', 'salt', 4096, 20, '4b007901b765489abead49d926f721d065a429c1'],
    [
      'passwordPASSWORDpassword',
      'saltSALTsaltSALTsaltSALTsaltSALTsalt',
      4096,
      25,
      '3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038',
    ],
    ['pass\0word', 'sa\0lt', 4096, 16, '56fa6aa75548099dcc37d7f03425e0c3'],
  ])('RFC 6070: %j, %j, %i', async (password, salt, iterations, length, expected) => {
    const key = await pbkdf2({
      hash: 'sha1',
      password: text(password),
      salt: text(salt),
      iterations,
      length,
    });
    expect(hex(key)).toBe(expected);
  });

  // RFC 7914, section 11.
  it('RFC 7914: HMAC-SHA-256', async () => {
    const key = await pbkdf2({
      hash: 'sha256',
      password: text('passwd'),
      salt: text('salt'),
      iterations: 1,
      length: 64,
    });
    expect(hex(key)).toBe(
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc' +
        '49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    );
  });

  it.each([
    ['hash', { hash: 'whirlpool' }, 'NOT_SUPPORTED'],
    ['iterations', { iterations: 0 }, 'INVALID_ARGUMENT'],
    ['iterations', { iterations: 1.5 }, 'INVALID_ARGUMENT'],
    ['iterations', { iterations: 2 ** 31 }, 'INVALID_ARGUMENT'],
    ['length', { length: 0 }, 'INVALID_ARGUMENT'],
    ['length', { length: 2 ** 31 }, 'INVALID_ARGUMENT'],
  ])('refuses a wrong %s: %j', async (_field, change, expected) => {
    const request = {
      hash: 'sha256',
      password: text('p'),
      salt: text('s'),
      iterations: 1,
      length: 32,
      ...change,
    };
    await expect(pbkdf2(request)).rejects.toThrowError(code(expected));
  });
});

describe('Argon2', () => {
  // RFC 9106, sections 5.2 and 5.3.
  const rfc = {
    password: new Uint8Array(32).fill(1),
    salt: new Uint8Array(16).fill(2),
    secret: new Uint8Array(8).fill(3),
    associatedData: new Uint8Array(12).fill(4),
    time: 3,
    memoryKib: 32,
    parallelism: 4,
    length: 32,
  };
  const tags = {
    argon2i: 'c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8',
    argon2id: '0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659',
  } as const;

  describe.each(argon2Engines.map((engine) => ({ name: engine.name, engine })))(
    'engine $name',
    ({ engine }) => {
      it.each(['argon2i', 'argon2id'] as const)('%s: RFC 9106', async (type) => {
        const run = await engine.load();
        // Node's own exists from 24.7 on; the others are always there.
        if (!run) return expect(engine.name).toBe('node');
        expect(hex(await run({ type, ...rfc }))).toBe(tags[type]);
      });
    },
  );

  it.each(['argon2i', 'argon2id'] as const)('%s: RFC 9106, in the engine that is used', async (type) => {
    expect(hex(await argon2({ type, ...rfc }))).toBe(tags[type]);
  });

  it('agrees with another implementation', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('argon2i' as const, 'argon2id' as const),
        fc.uint8Array({ maxLength: 80, size: 'max' }),
        fc.uint8Array({ minLength: 8, maxLength: 64, size: 'max' }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 32, max: 90 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 4, max: 130 }),
        async (type, password, salt, time, memoryKib, parallelism, length) => {
          const noble = type === 'argon2i' ? nobleArgon2i : nobleArgon2id;
          const expected = noble(password, salt, { t: time, m: memoryKib, p: parallelism, dkLen: length });
          const derived = await argon2({ type, password, salt, time, memoryKib, parallelism, length });
          expect(hex(derived)).toBe(hex(expected));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('leaves its inputs alone', async () => {
    const password = text('secret');
    const salt = text('saltsalt');
    await argon2({ type: 'argon2id', password, salt, time: 1, memoryKib: 8, parallelism: 1, length: 4 });
    expect(password.toString()).toBe('secret');
    expect(salt.toString()).toBe('saltsalt');
  });

  it.each([
    { memoryKib: 31 },
    { memoryKib: 4 * 1024 * 1024 + 1 },
    { memoryKib: Number.NaN },
    { time: 0 },
    { time: 2 ** 32 },
    { parallelism: 0 },
    { parallelism: 65 },
    { length: 3 },
    { length: 2 ** 20 },
    { salt: new Uint8Array(7) },
  ])('refuses %j before it allocates anything', async (change) => {
    const request = { type: 'argon2id' as const, ...rfc, ...change };
    await expect(argon2(request)).rejects.toThrowError(code('INVALID_ARGUMENT'));
  });
});

describe('Argon2 without memory', () => {
  // What it says is another program's: here it is made anew each time, in a process that may have little memory.
  const library = JSON.stringify(createRequire(import.meta.url).resolve('argon2'));
  const attempts: Readonly<Record<string, string>> = {
    node: `const { argon2 } = require('node:crypto');
      argon2('argon2id', { message: 'p', nonce: 'saltsalt', parallelism: 1, tagLength: 32, memory: 3e6, passes: 1 },
        (error) => console.log(JSON.stringify({ message: error?.message, code: error?.code })));`,
    argon2: `require(${library}).hash('p', { raw: true, salt: Buffer.alloc(8), memoryCost: 3e6, timeCost: 1 })
        .then(() => console.log('{}'), ({ message, code }) => console.log(JSON.stringify({ message, code })));`,
  };

  it.each(
    argon2Engines
      .filter(({ name }) => attempts[name] !== undefined)
      .map((engine) => ({ name: engine.name, engine })),
  )('engine $name: the failure is recognised', async ({ name, engine }) => {
    if (!(await engine.load())) return expect(name).toBe('node');
    const limited = `ulimit -d 2000000; exec "$0" -e "$1"`;
    const output = execFileSync('sh', ['-c', limited, process.execPath, attempts[name] ?? ''], {
      encoding: 'utf8',
    });
    const { message, code } = JSON.parse(output) as { message?: string; code?: string };
    expect(engine.isMemoryFailure(Object.assign(new Error(message), { code }))).toBe(true);
    expect(engine.isMemoryFailure(new Error('something else'))).toBe(false);
  });
});

describe('derive', () => {
  const password = text('password');
  const salt = text('saltsaltsaltsalt');

  it('takes what a keyslot says', async () => {
    const slow = await derive({ type: 'argon2id', time: 4, memory: 64, cpus: 2 }, password, salt, 32);
    const same = await argon2({
      type: 'argon2id',
      password,
      salt,
      time: 4,
      memoryKib: 64,
      parallelism: 2,
      length: 32,
    });
    expect(hex(slow)).toBe(hex(same));
    const plain = await derive({ type: 'pbkdf2', hash: 'sha512', iterations: 1000 }, password, salt, 64);
    const equal = await pbkdf2({ hash: 'sha512', iterations: 1000, password, salt, length: 64 });
    expect(hex(plain)).toBe(hex(equal));
  });
});
