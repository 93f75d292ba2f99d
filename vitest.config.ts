import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Key derivation and child processes: two cores are shared with the programs under test.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // What is about block devices of the kernel asks for them; all else is the same without.
    env: { TSCRYPT_EXPORT: 'socket' },
  },
});
