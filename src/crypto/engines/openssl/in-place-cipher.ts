import { SECTOR_SIZE } from '../../../units.ts';
import type { SectorCipherRequest } from '../../engine.ts';
import type { IvGenerator } from '../../iv/iv.ts';
import type { SectorCipher } from '../../sector-cipher.ts';
import { checkRequest } from '../node/pieced.ts';
import type { InPlaceMode } from './in-place-mode.ts';
import type { WorkArea } from './work-area.ts';

/**
 * Cuts requests into pieces and has their IVs made. Data in the arena is worked on where it is, without a copy; other
 * data passes through the work area.
 *
 * @param mode disposed of with the result, as is `ivs`
 * @param ivs undefined for modes without IVs
 */
export function createInPlaceCipher(
  area: WorkArea,
  mode: InPlaceMode,
  ivs: IvGenerator | undefined,
  { sectorSize, largeSectorIv }: SectorCipherRequest,
): SectorCipher {
  const { arena, dataAt } = area;
  const { pieceSize } = mode;
  const perSector = sectorSize / SECTOR_SIZE;
  const sectorsPerIv = largeSectorIv ? perSector : 1;
  const ivStep = perSector / sectorsPerIv;

  const runPiece = (at: number, sectors: number, sector: number, encrypting: boolean): void => {
    ivs?.fill(area.ivs, Math.floor(sector / sectorsPerIv), ivStep, sectors);
    if (encrypting) mode.encrypt(at, sectors);
    else mode.decrypt(at, sectors);
  };

  const runOutside = (piece: Uint8Array, sector: number, encrypting: boolean): void => {
    const copy = area.dataView(piece.length);
    copy.set(piece);
    runPiece(dataAt, piece.length / sectorSize, sector, encrypting);
    piece.set(copy);
  };

  const run = (data: Uint8Array, sector: number, encrypting: boolean): void => {
    checkRequest(data, sector, sectorSize);
    const { length } = data;
    const inPlace = arena.holds(data);
    const start = data.byteOffset;
    for (let at = 0, now = sector; at < length; at += pieceSize) {
      const size = Math.min(pieceSize, length - at);
      if (inPlace) runPiece(start + at, size / sectorSize, now, encrypting);
      else runOutside(size === length ? data : data.subarray(at, at + size), now, encrypting);
      now += size / SECTOR_SIZE;
    }
  };

  return {
    sectorSize,
    encrypt: (data, sector) => run(data, sector, true),
    decrypt: (data, sector) => run(data, sector, false),
    dispose() {
      mode.dispose();
      ivs?.dispose?.();
      area.wipe();
    },
  };
}
