import { IV_SIZE, type IvMode, multiply64 } from './iv.ts';

const SECTOR_SHIFT = 9;

/**
 * The number of the sector's first cipher block, counted from 1, as 64 bits, big-endian, at the end of the
 * IV ("big-endian narrow block index"; made for LRW). The count always goes by 512-byte sectors.
 */
export const benbi: IvMode = {
  name: 'benbi',
  create({ blockSize }) {
    const blocksPerSector = 2 ** (SECTOR_SHIFT - Math.log2(blockSize));
    return {
      fill({ view }, first, step, count) {
        for (let i = 0, at = 0, sector = first; i < count; i++, at += IV_SIZE, sector += step) {
          const [high, low] = multiply64(sector, blocksPerSector);
          view.setUint32(at, 0);
          view.setUint32(at + 4, 0);
          view.setUint32(at + 8, high);
          // No carry: the product is even.
          view.setUint32(at + 12, low + 1);
        }
      },
    };
  },
};
