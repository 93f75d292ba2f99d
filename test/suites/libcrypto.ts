import { bindOpenssl } from '../../src/crypto/engines/openssl/openssl.ts';
import type { ForeignLibrary } from '../../src/crypto/foreign-library.ts';
import { openLibcrypto } from '../../src/sys/index.ts';

type ForeignFunction = (...args: number[]) => number;

/** This process's libcrypto, where it can be called. With CI set its absence is a failure, as everywhere. */
export const libcrypto = find();

function find(): ForeignLibrary | undefined {
  const library = openLibcrypto();
  if (library && bindOpenssl(library)) return library;
  const message = "the engine over OpenSSL needs foreign functions and Node's OpenSSL";
  if (process.env.CI) throw new Error(`CI skips nothing, and ${message}`);
  process.stderr.write(`skipped: ${message}\n`);
  return undefined;
}

/** libcrypto with some functions replaced; each gets the one it replaces. undefined: as if it were not there. */
export function bent(
  changes: Readonly<Record<string, ((original: ForeignFunction) => ForeignFunction) | undefined>>,
): ForeignLibrary {
  const library = libcrypto as ForeignLibrary;
  return {
    address: (bytes) => library.address(bytes),
    find(declaration) {
      const found = library.find(declaration);
      const name = /(\w+)\(/.exec(declaration)?.[1] ?? '';
      if (!found || !(name in changes)) return found;
      return changes[name]?.(found);
    },
  };
}
