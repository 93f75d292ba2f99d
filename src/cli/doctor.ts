import { readFileSync } from 'node:fs';
import { cryptoEngines, fastestXts, useOpensslEngine, useSecretAllocator } from '../crypto/index.ts';
import { ensureRuntimeDirectory, runtimeDirectory } from '../daemon/runtime-directory.ts';
import { fromSystemError } from '../errors.ts';
import type { Availability, KernelExportKind } from '../export/kernel-export.ts';
import { kernelExporters } from '../export/kernel-exporters.ts';
import {
  ffiAvailable,
  lockedMemoryLimit,
  openLibcrypto,
  protectProcess,
  Uring,
  udevRuns,
} from '../sys/index.ts';

/** What this machine offers, found out without changing anything but the runtime directory, which is made. */
export interface Examination {
  /** Devices can be served: at least as NBD exports on sockets. */
  readonly usable: boolean;
  readonly node: Finding & { readonly version: string };
  readonly foreignFunctions: Finding;
  readonly ioUring: Finding;
  /** Of the memory that keys lie in. */
  readonly memoryLock: Finding & { /** Bytes; null for no limit. */ readonly limit: number | null };
  /** Neither core dumps nor ptrace. */
  readonly protection: Finding;
  readonly crypto: {
    /** In the order in which they are asked. */
    readonly engines: readonly string[];
    readonly openssl: string;
    /** How AES-XTS with 512-bit keys is done by the first of them, if that has more ways than one. */
    readonly xts: readonly { readonly sectorSize: number; readonly short: string; readonly long: string }[];
  };
  readonly exports: readonly (Availability & { readonly kind: KernelExportKind })[];
  /** What `--export auto` would take. */
  readonly choice: KernelExportKind | 'socket';
  readonly udev: boolean;
  readonly runtimeDirectory: Finding & { readonly path: string };
}

/** Something is there or not; if not, why, and what would help. One sentence each. */
type Finding = Pick<Availability, 'usable' | 'reason' | 'remedy'>;

const OLDEST_NODE = [20, 19] as const;

export async function examine(): Promise<Examination> {
  const node = { version: process.versions.node, ...examineNode() };
  const directory = { path: runtimeDirectory(), ...examineRuntimeDirectory() };
  const exports = await Promise.all(
    kernelExporters.map(async (exporter) => ({ kind: exporter.kind, ...(await exporter.availability()) })),
  );
  return {
    usable: node.usable && directory.usable,
    node,
    foreignFunctions: examineForeignFunctions(),
    ioUring: examineIoUring(),
    ...examineProtection(),
    crypto: examineCrypto(),
    exports,
    choice: exports.find(({ usable }) => usable)?.kind ?? 'socket',
    udev: udevRuns(),
    runtimeDirectory: directory,
  };
}

const GOOD: Finding = { usable: true };

function examineNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return GOOD;
  return {
    usable: false,
    reason: `This is older than ${OLDEST_NODE.join('.')}.`,
    remedy: 'Install a newer Node.js.',
  };
}

function examineForeignFunctions(): Finding {
  if (ffiAvailable()) return GOOD;
  if (process.env.TSCRYPT_NO_FFI === '1') {
    return {
      usable: false,
      reason: 'They are switched off by TSCRYPT_NO_FFI.',
      remedy: 'Take the variable out of the environment.',
    };
  }
  return {
    usable: false,
    reason: `koffi, the optional package that calls them, does not load on ${process.platform} ${process.arch}.`,
    remedy: 'Install with optional packages: npm install --include=optional.',
  };
}

function examineIoUring(): Finding {
  const ring = Uring.create({ entries: 8, completions: 32 });
  if (ring) {
    ring.close();
    return GOOD;
  }
  if (!ffiAvailable())
    return { usable: false, reason: 'It is reached through foreign functions, which are missing.' };
  const disabled = readNumber('/proc/sys/kernel/io_uring_disabled');
  if (disabled !== undefined && disabled !== 0) {
    return {
      usable: false,
      reason: `It is switched off (kernel.io_uring_disabled is ${disabled}).`,
      remedy: 'As root: sysctl kernel.io_uring_disabled=0.',
    };
  }
  return {
    usable: false,
    reason: 'The kernel does not have it, or the container forbids it.',
    remedy: 'In a container, use a seccomp profile that allows io_uring_setup.',
  };
}

function examineProtection(): Pick<Examination, 'memoryLock' | 'protection'> {
  const found = protectProcess(useSecretAllocator);
  const bytes = lockedMemoryLimit();
  const limit = bytes === undefined || bytes === Number.POSITIVE_INFINITY ? null : bytes;
  const memoryLock: Finding = found.memoryLocked
    ? GOOD
    : {
        usable: false,
        reason: 'Keys can be swapped out.',
        remedy: ffiAvailable()
          ? 'Raise the limit of locked memory: ulimit -l, LimitMEMLOCK= of systemd.'
          : 'See foreign functions.',
      };
  const unprotected = !(found.undumpable && found.noCoreFile);
  const protection: Finding = unprotected
    ? {
        usable: false,
        reason: found.undumpable
          ? 'Core files could not be switched off.'
          : 'Other processes of this user can read the memory with keys in it.',
        ...(!ffiAvailable() && { remedy: 'See foreign functions.' }),
      }
    : GOOD;
  return { memoryLock: { limit, ...memoryLock }, protection };
}

function examineCrypto(): Examination['crypto'] {
  const library = openLibcrypto();
  const restore = useOpensslEngine(library);
  try {
    const sectorSizes = [512, 4096];
    return {
      engines: cryptoEngines().map(({ name }) => name),
      openssl: process.versions.openssl ?? '',
      xts: sectorSizes.flatMap((sectorSize) => {
        const choice = fastestXts(library, { cipher: 'aes', keySize: 64, sectorSize });
        return choice ? [{ sectorSize, ...choice }] : [];
      }),
    };
  } finally {
    restore?.();
  }
}

function examineRuntimeDirectory(): Finding {
  try {
    ensureRuntimeDirectory();
    return GOOD;
  } catch (error) {
    const { message, hint } = fromSystemError(error, 'It cannot be used');
    return {
      usable: false,
      reason: message,
      remedy: hint ?? 'Name a directory of your own with TSCRYPT_RUNTIME_DIR.',
    };
  }
}

function readNumber(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'latin1'));
  } catch {
    return undefined;
  }
}
