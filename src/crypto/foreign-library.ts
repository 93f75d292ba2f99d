/**
 * What crypto needs to call a library of another language: the one way in which it uses foreign functions, which
 * themselves are `sys`' business.
 */
export interface ForeignLibrary {
  /**
   * @param declaration as C declares the function, with `int64_t` where it takes or returns an address: addresses are
   *   numbers (user space ends below 2^47), which cost no allocation
   * @returns undefined where the library has no such function
   */
  find(declaration: string): ((...args: number[]) => number) | undefined;
  /** Where the first byte is, of memory that does not move; for as long as it is referenced. */
  address(bytes: Uint8Array): number;
}
