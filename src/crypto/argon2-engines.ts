import * as nodeCrypto from 'node:crypto';

type Argon2Run = (request: Argon2Request) => Promise<Uint8Array>;

export interface Argon2Request {
  readonly type: 'argon2i' | 'argon2id';
  readonly password: Uint8Array;
  /** At least 8 bytes. */
  readonly salt: Uint8Array;
  /** Passes over the memory. */
  readonly time: number;
  readonly memoryKib: number;
  /** Lanes, computed by as many threads. */
  readonly parallelism: number;
  /** Bytes to derive, at least 4. */
  readonly length: number;
  /** The optional inputs K and X of RFC 9106, section 3.1; LUKS2 has none. */
  readonly secret?: Uint8Array;
  readonly associatedData?: Uint8Array;
}

/** One implementation of Argon2. */
export interface Argon2Engine {
  readonly name: string;
  /** The function, or undefined where this engine does not run. Loading is left to the first use. */
  load(): Promise<Argon2Run | undefined>;
  /** The error means that the memory could not be had. */
  isMemoryFailure(error: unknown): boolean;
}

/** Node's `crypto.argon2` (24.7 and later), as far as it is used here; the type definitions of Node 20 lack it. */
type NodeArgon2 = (
  algorithm: string,
  parameters: {
    message: Uint8Array;
    nonce: Uint8Array;
    parallelism: number;
    tagLength: number;
    memory: number;
    passes: number;
    secret?: Uint8Array;
    associatedData?: Uint8Array;
  },
  callback: (error: Error | null, derived: Buffer) => void,
) => void;

const nodeEngine: Argon2Engine = {
  name: 'node',
  async load() {
    const argon2 = (nodeCrypto as unknown as { argon2?: NodeArgon2 }).argon2;
    if (typeof argon2 !== 'function') return undefined;
    return ({ type, password, salt, time, memoryKib, parallelism, length, ...inputs }) =>
      new Promise((resolve, reject) => {
        const parameters = {
          message: password,
          nonce: salt,
          parallelism,
          tagLength: length,
          memory: memoryKib,
          passes: time,
          ...(inputs.secret && { secret: inputs.secret }),
          ...(inputs.associatedData && { associatedData: inputs.associatedData }),
        };
        argon2(type, parameters, (error, derived) => (error ? reject(error) : resolve(derived)));
      });
  },
  // Node 24 says it in the message, Node 26 in the code.
  isMemoryFailure: (error) =>
    /malloc failure/i.test(messageOf(error)) ||
    (error as NodeJS.ErrnoException).code === 'ERR_OSSL_CRYPTO_MALLOC_FAILURE',
};

const packageEngine: Argon2Engine = {
  name: 'argon2',
  async load() {
    const library = await import('argon2').catch(() => undefined);
    if (!library) return undefined;
    return async ({ type, password, salt, time, memoryKib, parallelism, length, ...inputs }) => {
      // The package copies what it is given with Buffer.from(), for small input into a pool that is never
      // zeroed. An ArrayBuffer is the one thing Buffer.from() does not copy.
      const message = Uint8Array.from(password);
      try {
        return await library.hash(message.buffer as unknown as Buffer, {
          raw: true,
          type: library[type],
          version: 0x13,
          timeCost: time,
          memoryCost: memoryKib,
          parallelism,
          hashLength: length,
          salt: asBuffer(salt),
          ...(inputs.secret && { secret: asBuffer(inputs.secret) }),
          ...(inputs.associatedData && { associatedData: asBuffer(inputs.associatedData) }),
        });
      } finally {
        message.fill(0);
      }
    };
  },
  isMemoryFailure: (error) => /memory allocation error/i.test(messageOf(error)),
};

const javascriptEngine: Argon2Engine = {
  name: 'javascript',
  async load() {
    const library = await import('@noble/hashes/argon2.js');
    return ({ type, password, salt, time, memoryKib, parallelism, length, ...inputs }) => {
      const run = type === 'argon2i' ? library.argon2iAsync : library.argon2idAsync;
      return run(password, salt, {
        t: time,
        m: memoryKib,
        p: parallelism,
        dkLen: length,
        version: 0x13,
        maxmem: 0xffff_ffff,
        ...(inputs.secret && { key: inputs.secret }),
        ...(inputs.associatedData && { personalization: inputs.associatedData }),
      });
    };
  },
  // Its own limit is one byte below 4 GiB.
  isMemoryFailure: (error) => /allocation failed|maxmem/i.test(messageOf(error)),
};

/** In order of preference. The last is several times slower and runs everywhere. */
export const argon2Engines: readonly Argon2Engine[] = [nodeEngine, packageEngine, javascriptEngine];

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
