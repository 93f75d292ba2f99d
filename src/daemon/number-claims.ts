import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_MINOR } from '../dm/device-numbers.ts';
import { TscryptError } from '../errors.ts';
import type { ProcessIdentity } from '../sys/index.ts';
import { claimDirectory, clearIfDead, createStaging, releaseDirectory, succeed } from './claim.ts';
import { longName } from './owner-tokens.ts';

/**
 * Minor numbers and UUIDs are unique among the devices of a runtime directory, whichever daemons hold them. As
 * names are, they are claimed by directories, whose names are longer than any device's.
 */
const MINOR = /^\.minor\.(\d+)-+$/;
const CLAIM = /^\.(minor|uuid)\.[0-9a-f]+-+$/;

/** What a device has claimed besides its name. */
export class NumberClaims {
  readonly #root: string;
  readonly #directories: string[] = [];
  #minor = 0;

  private constructor(root: string) {
    this.#root = root;
  }

  /**
   * @param minor the smallest free one if undefined
   * @throws TscryptError DEVICE_EXISTS (EBUSY) when the UUID or the number is taken
   */
  static async take(root: string, uuid: string, minor: number | undefined): Promise<NumberClaims> {
    const claims = new NumberClaims(root);
    clearDeadClaims(root);
    try {
      if (uuid !== '') await claims.takeUuid(uuid);
      claims.#minor = minor ?? (await claims.#takeFreeMinor());
      if (minor !== undefined) await claims.#take('minor', String(minor));
      return claims;
    } catch (error) {
      claims.release();
      throw error;
    }
  }

  /**
   * Takes over what dead daemons had claimed for a device, and claims what they had not.
   *
   * @throws TscryptError DEVICE_EXISTS when something of it is another's now
   */
  static async succeed(
    root: string,
    { uuid, minor }: { readonly uuid: string; readonly minor: number },
    predecessors: readonly ProcessIdentity[],
  ): Promise<NumberClaims> {
    const claims = new NumberClaims(root);
    claims.#minor = minor;
    try {
      await claims.#take('minor', String(minor), predecessors);
      if (uuid !== '') await claims.takeUuid(uuid, predecessors);
      return claims;
    } catch (error) {
      claims.release();
      throw error;
    }
  }

  get minor(): number {
    return this.#minor;
  }

  async takeUuid(uuid: string, predecessors: readonly ProcessIdentity[] = []): Promise<void> {
    await this.#take('uuid', createHash('sha256').update(uuid).digest('hex'), predecessors);
  }

  release(): void {
    for (const directory of this.#directories.splice(0)) releaseDirectory(directory);
  }

  async #takeFreeMinor(): Promise<number> {
    const taken = new Set(readdirSync(this.#root).flatMap((entry) => MINOR.exec(entry)?.[1] ?? []));
    for (let minor = 0; minor <= MAX_MINOR; minor++) {
      if (taken.has(String(minor))) continue;
      try {
        await this.#take('minor', String(minor));
        return minor;
      } catch (error) {
        // Somebody else was faster.
        if (!(error instanceof TscryptError) || error.code !== 'DEVICE_EXISTS') throw error;
      }
    }
    throw new TscryptError('DEVICE_EXISTS', 'No minor number is free.', { errno: 'EBUSY' });
  }

  async #take(
    kind: 'minor' | 'uuid',
    value: string,
    predecessors: readonly ProcessIdentity[] = [],
  ): Promise<void> {
    const directory = join(this.#root, longName(`.${kind}.${value}`));
    if (succeed(directory, predecessors) === undefined) await this.#claim(directory, kind);
    this.#directories.push(directory);
  }

  async #claim(directory: string, kind: string): Promise<void> {
    const staging = createStaging(this.#root);
    try {
      await claimDirectory(staging, directory, `of this ${kind}`);
    } catch (error) {
      rmSync(staging, { recursive: true, force: true });
      throw error;
    }
  }
}

/** Gives up the numbers of daemons that died. */
export function clearDeadClaims(root: string): void {
  for (const entry of readdirSync(root)) if (CLAIM.test(entry)) clearIfDead(join(root, entry));
}
