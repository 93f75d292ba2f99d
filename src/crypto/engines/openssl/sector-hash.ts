import { TscryptError } from '../../../errors.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import { hashSize, opensslHashName } from '../../hash.ts';
import { putLe64 } from '../../iv/iv.ts';
import { countSectors, type SectorHash, type SectorHashRequest } from '../../sector-hash.ts';
import { createNodeSectorHash } from '../node/sector-hash.ts';
import { createDigestState, createHmacState, type DigestState } from './digest-state.ts';
import type { Openssl } from './openssl.ts';
import { MAX_PIECE } from './work-area.ts';

const NUMBER_SIZE = 8;
/** V8 keeps smaller arrays where they move. */
const NEVER_MOVES = 128;

/**
 * Hashes of sectors by OpenSSL directly: nothing is made for a sector. It is compared with `node:crypto` before its first
 * use.
 *
 * @returns undefined where OpenSSL does not have the hash, or a sector is too large for the work area
 */
export function createOpensslSectorHash(
  openssl: Openssl,
  request: SectorHashRequest,
): SectorHash | undefined {
  const { sectorSize, hash, key } = request;
  if (sectorSize > MAX_PIECE) return undefined;
  const digest = openssl.digest(opensslHashName(hash));
  if (digest === 0) return undefined;
  const extra = new Extra(openssl, request);
  const state =
    key === undefined
      ? createDigestState(openssl, digest, extra.before, extra.beforeLength)
      : createHmacState(openssl, digest, key, extra.before, extra.beforeLength);
  if (!state) return undefined;
  const made = new OpensslSectorHash(openssl, request, state, extra);
  if (agrees(made, request)) return made;
  made.dispose();
  return undefined;
}

/** What is hashed besides the data, where OpenSSL finds it. */
class Extra {
  /** Address and length of the salt that comes first, and of the one that comes last. */
  readonly before: number;
  readonly beforeLength: number;
  readonly after: number;
  readonly afterLength: number;
  /** Address of the sector's number. */
  readonly number: number;
  readonly view: DataView;
  /** The addresses hold for as long as this is referenced. */
  readonly #memory: Uint8Array;

  constructor(openssl: Openssl, { salt, saltAfter }: SectorHashRequest) {
    const length = salt?.length ?? 0;
    this.#memory = Buffer.allocUnsafeSlow(Math.max(NUMBER_SIZE + length, NEVER_MOVES)).fill(0);
    if (salt) this.#memory.set(salt, NUMBER_SIZE);
    this.view = new DataView(this.#memory.buffer, 0, NUMBER_SIZE);
    this.number = openssl.address(this.#memory);
    this.before = this.number + NUMBER_SIZE;
    this.beforeLength = saltAfter ? 0 : length;
    this.after = this.before;
    this.afterLength = saltAfter ? length : 0;
  }

  wipe(): void {
    this.#memory.fill(0);
  }
}

class OpensslSectorHash implements SectorHash {
  readonly size: number;
  readonly #openssl: Openssl;
  readonly #sectorSize: number;
  readonly #numbered: boolean;
  readonly #state: DigestState;
  readonly #extra: Extra;
  /** Sectors that fit into the work area with their digests. */
  readonly #most: number;
  readonly #views: Uint8Array[] = [];

  /** Takes over `state`. */
  constructor(openssl: Openssl, request: SectorHashRequest, state: DigestState, extra: Extra) {
    this.size = hashSize(request.hash);
    this.#openssl = openssl;
    this.#sectorSize = request.sectorSize;
    this.#numbered = request.numbered ?? false;
    this.#state = state;
    this.#extra = extra;
    this.#most = Math.floor(MAX_PIECE / Math.max(request.sectorSize, this.size));
  }

  digest(data: Uint8Array, digests: Uint8Array, sector = 0): void {
    const { area } = this.#openssl;
    const size = this.#sectorSize;
    const count = countSectors(data, digests, size, this.size);
    const dataInPlace = area.arena.holds(data);
    const digestsInPlace = area.arena.holds(digests);
    for (let done = 0; done < count; done += this.#most) {
      const now = Math.min(this.#most, count - done);
      const at = done * size;
      if (!dataInPlace) {
        area.bytes.set(count === now ? data : data.subarray(at, at + now * size), area.dataAt);
      }
      this.#run(
        dataInPlace ? data.byteOffset + at : area.dataAt,
        digestsInPlace ? digests.byteOffset + done * this.size : area.tweaksAt,
        now,
        sector + at / SECTOR_SIZE,
      );
      if (!digestsInPlace) digests.set(this.#view(now), done * this.size);
    }
  }

  dispose(): void {
    this.#state.dispose();
    this.#extra.wipe();
    this.#openssl.area.wipe();
  }

  /** @param dataAt @param digestsAt offsets in the arena */
  #run(dataAt: number, digestsAt: number, count: number, sector: number): void {
    const { base } = this.#openssl.area;
    const size = this.#sectorSize;
    const state = this.#state;
    const { view, number, after, afterLength } = this.#extra;
    const once = this.#numbered || afterLength > 0 ? undefined : state.once;
    let data = base + dataAt;
    let digest = base + digestsAt;
    for (let i = 0; i < count; i++, data += size, digest += this.size) {
      if (once) {
        once(data, size, digest);
        continue;
      }
      state.begin();
      if (this.#numbered) {
        putLe64(view, 0, sector + (i * size) / SECTOR_SIZE);
        state.update(number, NUMBER_SIZE);
      }
      state.update(data, size);
      if (afterLength > 0) state.update(after, afterLength);
      state.end(digest);
    }
  }

  /** The first digests in the work area; views are made once for each number. */
  #view(count: number): Uint8Array {
    const { bytes, tweaksAt } = this.#openssl.area;
    this.#views[count] ??= bytes.subarray(tweaksAt, tweaksAt + count * this.size);
    return this.#views[count];
  }
}

/** Compares with `node:crypto`: two sectors, so that what the first leaves behind would show. */
function agrees(made: SectorHash, request: SectorHashRequest): boolean {
  const reference = createNodeSectorHash(request);
  const data = Uint8Array.from({ length: 2 * request.sectorSize }, (_, i) => (i * 37 + (i >> 8)) & 0xff);
  const expected = new Uint8Array(2 * made.size);
  const found = new Uint8Array(2 * made.size);
  try {
    reference.digest(data, expected, 5);
    made.digest(data, found, 5);
    return Buffer.compare(expected, found) === 0;
  } catch (error) {
    if (error instanceof TscryptError) return false;
    throw error;
  } finally {
    reference.dispose();
  }
}
