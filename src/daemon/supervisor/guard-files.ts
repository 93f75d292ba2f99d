import { rmSync, writeFileSync } from 'node:fs';
import type { ProcessIdentity } from '../../sys/index.ts';
import { guardPath } from '../guards.ts';

/** The supervisor's word that what these daemons own will have a successor (guards.ts). */
export class GuardFiles {
  readonly #directory: string;

  /** @param directory the supervisor's */
  constructor(directory: string) {
    this.#directory = directory;
  }

  put(daemon: ProcessIdentity): void {
    writeFileSync(guardPath(this.#directory, daemon), '', { mode: 0o600 });
  }

  remove(daemon: ProcessIdentity): void {
    rmSync(guardPath(this.#directory, daemon), { force: true });
  }
}
