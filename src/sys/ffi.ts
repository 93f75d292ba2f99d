import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';

/**
 * Foreign functions. koffi is optional: where its binary does not load (another platform, installed
 * without optional packages, `TSCRYPT_NO_FFI=1`), everything that needs it reports so and the callers
 * go on with less protection.
 */
type Koffi = typeof import('koffi');

/**
 * The C library, with integers and addresses as plain numbers (user space ends below 2^47). Functions give what
 * C gives: -1 for a failure whose {@link Libc.errno} is to be asked for at once. Where a parameter is an address, the
 * memory must not move and must outlive the call (and what the kernel goes on doing): see {@link Libc.address}.
 */
export interface Libc {
  flock(fd: number, operation: number): number;
  /** Variadic in C; one pointer argument is passed in the same register on every 64-bit Linux ABI. */
  fcntl(fd: number, command: number, argument: Uint8Array): number;
  /** The same for commands whose argument is an integer (F_DUPFD_CLOEXEC, F_SETFL …). */
  fcntlInt(fd: number, command: number, argument: number): number;
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  setrlimit(resource: number, limit: Uint8Array): number;
  /** Of this thread. */
  capget(header: Uint8Array, data: Uint8Array): number;
  capset(header: Uint8Array, data: Uint8Array): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  mmap(address: number, length: number, prot: number, flags: number, fd: number, offset: number): number;
  munmap(address: number, length: number): number;
  mlock(address: number, length: number): number;
  madvise(address: number, length: number, advice: number): number;
  /** System calls the C library has no function for (io_uring, keyrings …); up to six integers. */
  syscall(n: number, a: number, b: number, c: number, d: number, e: number, f: number): number;
  /** `argument`: an integer, or an address. */
  ioctl(fd: number, request: number, argument: number): number;
  close(fd: number): number;
  pread(fd: number, address: number, length: number, offset: number): number;
  pwrite(fd: number, address: number, length: number, offset: number): number;
  preadv2(fd: number, iovecs: number, count: number, offset: number, flags: number): number;
  pwritev2(fd: number, iovecs: number, count: number, offset: number, flags: number): number;
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  readv(fd: number, iovecs: number, count: number): number;
  writev(fd: number, iovecs: number, count: number): number;
  recv(fd: number, address: number, length: number, flags: number): number;
  send(fd: number, address: number, length: number, flags: number): number;
  sendmsg(fd: number, message: number, flags: number): number;
  recvmsg(fd: number, message: number, flags: number): number;
  socket(domain: number, type: number, protocol: number): number;
  socketpair(domain: number, type: number, protocol: number, fds: number): number;
  shutdown(fd: number, how: number): number;
  bind(fd: number, address: number, length: number): number;
  eventfd(initial: number, flags: number): number;
  /** Strings are passed as addresses of NUL-terminated bytes; 0 for none. */
  mount(source: number, target: number, type: number, flags: number, data: number): number;
  umount2(target: number, flags: number): number;
  /**
   * Calls one of the functions above in the thread pool (a few dozen µs): for what may wait for requests that this
   * very process serves. The memory behind its addresses must live until it is done.
   *
   * @returns what it returns; -errno where that is -1
   */
  later(name: 'fallocate' | 'ioctl' | 'send' | 'umount2', ...args: readonly number[]): Promise<number>;
  /** errno of the last call. */
  errno(): number;
  /** Any function of the process as C declares it; undefined where it has none of that name. */
  find(declaration: string): ((...args: number[]) => number) | undefined;
  /** Memory at `address` as an ArrayBuffer that the garbage collector never frees. */
  view(address: number, length: number): ArrayBuffer;
  /**
   * Where the first byte is. Only of memory outside the JavaScript heap (the arena, `allocUnsafeSlow` of 128
   * bytes or more), and only for as long as the object is referenced.
   */
  address(bytes: ArrayBufferView | ArrayBuffer): number;
  /**
   * Calls back from the event loop whenever the descriptor is readable (or writable). Level triggered. Keep the
   * handle referenced (a collected one is closed), and close it before the descriptor. In the callback, microtasks do
   * not run on every version of Node: do nothing in it but `setImmediate`.
   */
  poll(fd: number, events: { readable?: boolean; writable?: boolean }, wake: () => void): PollHandle;
}

/** A descriptor watched by the event loop, which it keeps alive while referenced. */
export interface PollHandle {
  start(events: { readable?: boolean; writable?: boolean }, wake: () => void): void;
  stop(): void;
  ref(): void;
  unref(): void;
  close(): void;
}

/** One of {@link Libc}'s functions as C declares it, made when it is first used. */
const DECLARATIONS = {
  flock: 'int flock(int fd, int operation)',
  fcntl: 'int fcntl(int fd, int command, void *argument)',
  fcntlInt: 'int fcntl(int fd, int command, int64_t argument)',
  fallocate: 'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
  prctl: 'int prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)',
  setrlimit: 'int setrlimit(int resource, const void *limit)',
  capget: 'int capget(void *header, void *data)',
  capset: 'int capset(void *header, const void *data)',
  getsockopt: 'int getsockopt(int fd, int level, int option, void *value, void *length)',
  setsockopt: 'int setsockopt(int fd, int level, int option, const void *value, uint32_t length)',
  mmap: 'int64_t mmap(int64_t at, uint64_t length, int prot, int flags, int fd, int64_t offset)',
  munmap: 'int munmap(int64_t address, uint64_t length)',
  mlock: 'int mlock(int64_t address, uint64_t length)',
  madvise: 'int madvise(int64_t address, uint64_t length, int advice)',
  syscall: 'int64_t syscall(int64_t n, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f)',
  ioctl: 'int ioctl(int fd, uint64_t request, int64_t argument)',
  close: 'int close(int fd)',
  pread: 'int64_t pread(int fd, int64_t address, int64_t length, int64_t offset)',
  pwrite: 'int64_t pwrite(int fd, int64_t address, int64_t length, int64_t offset)',
  preadv2: 'int64_t preadv2(int fd, int64_t iovecs, int count, int64_t offset, int flags)',
  pwritev2: 'int64_t pwritev2(int fd, int64_t iovecs, int count, int64_t offset, int flags)',
  read: 'int64_t read(int fd, int64_t address, int64_t length)',
  write: 'int64_t write(int fd, int64_t address, int64_t length)',
  readv: 'int64_t readv(int fd, int64_t iovecs, int count)',
  writev: 'int64_t writev(int fd, int64_t iovecs, int count)',
  recv: 'int64_t recv(int fd, int64_t address, int64_t length, int flags)',
  send: 'int64_t send(int fd, int64_t address, int64_t length, int flags)',
  sendmsg: 'int64_t sendmsg(int fd, int64_t message, int flags)',
  recvmsg: 'int64_t recvmsg(int fd, int64_t message, int flags)',
  socket: 'int socket(int domain, int type, int protocol)',
  socketpair: 'int socketpair(int domain, int type, int protocol, int64_t fds)',
  shutdown: 'int shutdown(int fd, int how)',
  bind: 'int bind(int fd, int64_t address, uint32_t length)',
  eventfd: 'int eventfd(uint32_t initial, int flags)',
  mount: 'int mount(int64_t source, int64_t target, int64_t type, uint64_t flags, int64_t data)',
  umount2: 'int umount2(int64_t target, int flags)',
} as const;

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
    const pooled = new Map<string, ReturnType<typeof lib.func>>();
    const rest: Omit<Libc, keyof typeof DECLARATIONS> = {
      later: (name, ...args) =>
        new Promise((resolve, reject) => {
          const func = pooled.get(name) ?? lib.func(DECLARATIONS[name]);
          pooled.set(name, func);
          func.async(...args, (error: unknown, result: number) => {
            // koffi puts the other thread's errno in place for as long as this callback runs.
            if (error) reject(error);
            else resolve(result === -1 ? -koffi.errno() : result);
          });
        }),
      errno: () => koffi.errno(),
      find(declaration) {
        try {
          return lib.func(declaration);
        } catch {
          return undefined;
        }
      },
      view: (address, length) => koffi.view(BigInt(address), length),
      address: (bytes) => Number(koffi.address(bytes)),
      poll: (fd, events, wake) => koffi.node.poll(fd, events, wake),
    };
    for (const [name, declaration] of Object.entries(DECLARATIONS)) {
      Object.defineProperty(rest, name, {
        configurable: true,
        get() {
          const value = lib.func(declaration);
          Object.defineProperty(rest, name, { value });
          return value;
        },
      });
    }
    return rest as Libc;
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
