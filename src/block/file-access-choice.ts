import { threadRing } from '../sys/index.ts';
import type { FileAccess, FileAccessKind } from './file-access.ts';
import { CachedAccess } from './file-access-cached.ts';
import { DirectAccess } from './file-access-direct.ts';
import { MemoryAccess } from './file-access-memory.ts';
import { RingTransfers } from './file-ring.ts';
import { type FileContext, type FileTransfers, PoolTransfers } from './file-transfers.ts';

/** @returns how requests are served, and what makes what was written stable */
export function accessFile(
  kind: FileAccessKind,
  file: FileContext,
  unit: number,
): { readonly access: FileAccess; readonly transfers: FileTransfers } {
  const pool = new PoolTransfers(file);
  const transfers = new FirstChoice(file, pool);
  switch (kind) {
    case 'memory':
      return { access: new MemoryAccess(file, pool), transfers: pool };
    case 'direct':
      return { access: new DirectAccess(file, transfers, unit), transfers };
    case 'cached':
      return { access: new CachedAccess(file, transfers, pool), transfers };
  }
}

/** The ring where there is one, else the pool. Programs that read a header and end should not have to make one. */
class FirstChoice implements FileTransfers {
  readonly #file: FileContext;
  readonly #pool: PoolTransfers;
  #chosen: FileTransfers | undefined;

  constructor(file: FileContext, pool: PoolTransfers) {
    this.#file = file;
    this.#pool = pool;
  }

  get writesStably(): boolean {
    return this.#transfers.writesStably;
  }

  read(offset: number, into: Uint8Array, done: number): Promise<void> {
    return this.#transfers.read(offset, into, done);
  }

  write(offset: number, from: Uint8Array, done: number, stable: boolean): Promise<void> {
    return this.#transfers.write(offset, from, done, stable);
  }

  sync(): Promise<void> {
    return this.#transfers.sync();
  }

  get #transfers(): FileTransfers {
    if (this.#chosen === undefined) {
      const ring = threadRing();
      this.#chosen = ring ? new RingTransfers(ring, this.#file, this.#pool) : this.#pool;
    }
    return this.#chosen;
  }
}
