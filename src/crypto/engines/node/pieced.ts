import { TscryptError } from '../../../errors.ts';
import { SECTOR_SIZE } from '../../../units.ts';
import type { IvGenerator } from '../../iv/iv.ts';
import type { SectorCipher } from '../../sector-cipher.ts';
import { arena } from './arena.ts';
import type { PieceCipher } from './piece-cipher.ts';

interface PiecedOptions {
  readonly cipher: PieceCipher;
  /** Undefined for modes without IVs. */
  readonly ivs: IvGenerator | undefined;
  readonly sectorSize: number;
  /** 512-byte sectors that one IV number stands for. */
  readonly sectorsPerIv: number;
}

/** Cuts requests into pieces and has their IVs made. */
export function createPieced({ cipher, ivs, sectorSize, sectorsPerIv }: PiecedOptions): SectorCipher {
  const scratch = arena();
  const perSector = sectorSize / SECTOR_SIZE;
  const ivStep = perSector / sectorsPerIv;
  const { pieceSize } = cipher;

  const run = (data: Uint8Array, sector: number, encrypting: boolean): void => {
    checkRequest(data, sector, sectorSize);
    for (let at = 0, now = sector; at < data.length; at += pieceSize) {
      const whole = at === 0 && data.length <= pieceSize;
      const piece = whole ? data : data.subarray(at, at + pieceSize);
      const sectors = piece.length / sectorSize;
      ivs?.fill(scratch.ivs, Math.floor(now / sectorsPerIv), ivStep, sectors);
      if (encrypting) cipher.encrypt(piece, sectors);
      else cipher.decrypt(piece, sectors);
      now += sectors * perSector;
    }
  };

  return {
    sectorSize,
    encrypt: (data, sector) => run(data, sector, true),
    decrypt: (data, sector) => run(data, sector, false),
    dispose() {
      cipher.dispose();
      ivs?.dispose?.();
      scratch.wipe();
    },
  };
}

/** @throws TscryptError INVALID_ARGUMENT unless `data` is whole encryption sectors at a countable place */
export function checkRequest(data: Uint8Array, sector: number, sectorSize: number): void {
  if (data.length % sectorSize !== 0) {
    throw new TscryptError('INVALID_ARGUMENT', `${data.length} bytes are no whole encryption sectors.`, {
      details: { length: data.length, sectorSize },
    });
  }
  if (sector < 0 || !Number.isSafeInteger(sector + data.length / SECTOR_SIZE)) {
    throw new TscryptError('INVALID_ARGUMENT', `Sector ${sector} is out of range.`, { details: { sector } });
  }
}
