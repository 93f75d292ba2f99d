import { addressOf } from './address.ts';
import { libc } from './ffi.ts';

/** Has the shape of crypto's `ForeignLibrary`. */
interface Libcrypto {
  find(declaration: string): ((...args: number[]) => number) | undefined;
  address(bytes: Uint8Array): number;
}

/**
 * The OpenSSL that this very process works with: Node's own, or the system's where Node is linked to that one. A second
 * copy would not do, since its symbols and Node's are the same. Whether OpenSSL is there at all turns out when its
 * functions are looked for.
 *
 * @returns undefined without foreign functions
 */
export function openLibcrypto(): Libcrypto | undefined {
  const c = libc();
  return c && { find: (declaration) => c.find(declaration), address: addressOf };
}
