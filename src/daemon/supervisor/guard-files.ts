import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { ProcessIdentity } from '../../sys/index.ts';
import { type Guard, guardPath } from '../guards.ts';

/** The supervisor's word that what these daemons own will have a successor (guards.ts). */
export class GuardFiles {
  readonly #directory: string;

  /** @param directory the supervisor's */
  constructor(directory: string) {
    this.#directory = directory;
  }

  put(daemon: ProcessIdentity, guard: Guard): void {
    const path = guardPath(this.#directory, daemon);
    writeFileSync(`${path}.new`, guard, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  remove(daemon: ProcessIdentity): void {
    rmSync(guardPath(this.#directory, daemon), { force: true });
  }
}
