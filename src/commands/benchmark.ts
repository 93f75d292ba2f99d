import { ActionCommand } from '../cli/action-command.ts';
import {
  BENCHMARK_ARGON2,
  BENCHMARK_CIPHERS,
  BENCHMARK_HASHES,
  type CipherSpeed,
  measureArgon2,
  measureCipher,
  measureCipherIfAny,
  measurePbkdf2,
} from '../cli/benchmark.ts';
import { argon2Line, CIPHER_TITLE, cipherLine, pbkdf2Line } from '../cli/benchmark-text.ts';
import { argumentsOf, flagsOf } from '../cli/flags/oclif.ts';
import { pbkdfOf } from '../cli/volume-options.ts';
import { useOpensslEngine } from '../crypto/openssl.ts';
import { TscryptError } from '../errors.ts';
import { openLibcrypto } from '../sys/libcrypto.ts';
import type { PbkdfRequest } from '../volume/index.ts';

/** `tscrypt benchmark` */
export default class Benchmark extends ActionCommand {
  static override readonly action = 'benchmark';
  static override readonly flags = flagsOf('benchmark');
  static override readonly args = argumentsOf('benchmark');

  #results: unknown[] = [];

  protected async act(): Promise<undefined> {
    const { cipher, hash, pbkdf } = this.options;
    // Ciphers are measured as the daemon runs them.
    useOpensslEngine(openLibcrypto());
    this.#show('# Tests are approximate using memory only (no storage IO).', undefined);
    if (cipher !== undefined) this.#oneCipher(cipher);
    else if (hash !== undefined && (pbkdf ?? 'pbkdf2') === 'pbkdf2') await this.#pbkdf2([hash], true);
    else if (pbkdf === 'pbkdf2') await this.#pbkdf2(BENCHMARK_HASHES);
    else if (pbkdf !== undefined) await this.#argon2([pbkdf as PbkdfRequest['type']]);
    else await this.#everything();
    if (this.options.json) this.ui.printJson(this.#results);
  }

  async #everything(): Promise<void> {
    await this.#pbkdf2(BENCHMARK_HASHES);
    await this.#argon2(BENCHMARK_ARGON2);
    this.#show(CIPHER_TITLE, undefined);
    for (const row of BENCHMARK_CIPHERS)
      this.#cipher(row, measureCipherIfAny(row.cipher, row.mode, row.keyBits));
  }

  async #pbkdf2(hashes: readonly string[], mustWork = false): Promise<void> {
    for (const hash of hashes) {
      const speed = await measurePbkdf2(hash);
      if (speed === undefined && mustWork)
        throw new TscryptError('NOT_SUPPORTED', `Requested hash ${hash} is not supported.`);
      this.#show(pbkdf2Line(hash, speed), { kind: 'pbkdf2', hash, ...speed });
    }
  }

  async #argon2(types: readonly PbkdfRequest['type'][]): Promise<void> {
    for (const type of types) {
      const request = { ...pbkdfOf(this.options), type };
      const cost = await measureArgon2(request);
      this.#show(argon2Line(type, cost, request.iterTimeMs ?? 0), { kind: 'argon2', type, ...cost });
    }
  }

  /** `--cipher aes-xts`, cipher and mode; what follows the mode does not change the speed. */
  #oneCipher(text: string): void {
    const [cipher = '', mode = 'cbc'] = text.split('-');
    const keyBits = this.options['key-size'] ?? 256;
    try {
      const speed = measureCipher(cipher, mode, keyBits);
      this.#show(CIPHER_TITLE, undefined);
      this.#cipher(speed, speed);
    } catch (cause) {
      if (!(cause instanceof TscryptError)) throw cause;
      throw new TscryptError(cause.code, `Cipher ${text} (with ${keyBits} bits key) is not available.`, {
        cause,
      });
    }
  }

  #cipher(row: Pick<CipherSpeed, 'cipher' | 'mode' | 'keyBits'>, speed: CipherSpeed | undefined): void {
    this.#show(cipherLine(row, speed), { kind: 'cipher', ...row, ...speed });
  }

  /** Each line as soon as it is known, or all results together as JSON. */
  #show(line: string, result: unknown): void {
    if (!this.options.json) this.ui.print(line);
    else if (result !== undefined) this.#results.push(result);
  }
}
