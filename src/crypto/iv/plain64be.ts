import { IV_SIZE, type IvMode, putBe64 } from './iv.ts';

/** The sector number as 64 bits, big-endian, at the end of the IV. */
export const plain64be: IvMode = {
  name: 'plain64be',
  create: () => ({
    fill({ view }, first, step, count) {
      for (let i = 0, at = 0, sector = first; i < count; i++, at += IV_SIZE, sector += step) {
        view.setUint32(at, 0);
        view.setUint32(at + 4, 0);
        putBe64(view, at + 8, sector);
      }
    },
  }),
};
