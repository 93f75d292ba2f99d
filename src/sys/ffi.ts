import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';

/**
 * Foreign functions. koffi is optional: where its binary does not load (another platform, installed
 * without optional packages, `TSCRYPT_NO_FFI=1`), everything that needs it reports so and the callers
 * go on with less protection.
 */
type Koffi = typeof import('koffi');

/** The C library, with integers and addresses as plain numbers (user space ends below 2^47). */
export interface Libc {
  flock(fd: number, operation: number): number;
  /** Variadic in C; one pointer argument is passed in the same register on every 64-bit Linux ABI. */
  fcntl(fd: number, command: number, argument: Uint8Array): number;
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  /** The same in another thread; its errno cannot be had. */
  fallocateLater(fd: number, mode: number, offset: number, length: number): Promise<number>;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  setrlimit(resource: number, limit: Uint8Array): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number;
  mmap(address: number, length: number, prot: number, flags: number, fd: number, offset: number): number;
  mlock(address: number, length: number): number;
  madvise(address: number, length: number, advice: number): number;
  /** errno of the last call. */
  errno(): number;
  /** Memory at `address` as an ArrayBuffer that the garbage collector never frees. */
  view(address: number, length: number): ArrayBuffer;
}

let loaded: Libc | null | undefined;

/** The C library, or undefined where foreign functions are not to be had. */
export function libc(): Libc | undefined {
  if (loaded === undefined) loaded = load() ?? null;
  return loaded ?? undefined;
}

/** Whether foreign functions work here: file locks, locked memory and peer credentials need them. */
export function ffiAvailable(): boolean {
  return libc() !== undefined;
}

// The layouts below (struct flock, struct rlimit) are those of the 64-bit ABIs.
const ARCHITECTURES = new Set(['x64', 'arm64', 'riscv64', 'loong64', 'ppc64', 's390x']);

function load(): Libc | undefined {
  if (process.platform !== 'linux' || !ARCHITECTURES.has(process.arch)) return undefined;
  if (process.env.TSCRYPT_NO_FFI === '1') return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const lib = koffi.load(null);
    const fallocate = lib.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
    return {
      flock: lib.func('int flock(int fd, int operation)'),
      fcntl: lib.func('int fcntl(int fd, int command, void *argument)'),
      fallocate,
      fallocateLater: (...args) =>
        new Promise((resolve, reject) => {
          fallocate.async(...args, (error: unknown, result: number) => {
            if (error) reject(error);
            else resolve(result);
          });
        }),
      prctl: lib.func('int prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)'),
      setrlimit: lib.func('int setrlimit(int resource, const void *limit)'),
      getsockopt: lib.func('int getsockopt(int fd, int level, int option, void *value, void *length)'),
      mmap: lib.func(
        'int64_t mmap(int64_t at, uint64_t length, int prot, int flags, int fd, int64_t offset)',
      ),
      mlock: lib.func('int mlock(int64_t address, uint64_t length)'),
      madvise: lib.func('int madvise(int64_t address, uint64_t length, int advice)'),
      errno: () => koffi.errno(),
      view: (address, length) => koffi.view(BigInt(address), length),
    };
  } catch {
    return undefined;
  }
}

/** The last call's failure as the kind of error Node itself throws, so that `fromSystemError` takes it. */
export function systemError(call: string, errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const error: NodeJS.ErrnoException = new Error(`${code}: ${call}`);
  error.code = code;
  error.errno = -errno;
  error.syscall = call;
  return error;
}
