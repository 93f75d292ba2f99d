import { IV_SIZE, type IvMode } from './iv.ts';

/** The sector number's low 32 bits, little-endian; repeats after 2 TiB (hence plain64). */
export const plain: IvMode = {
  name: 'plain',
  create: () => ({
    fill({ view }, first, step, count) {
      for (let i = 0, at = 0, sector = first; i < count; i++, at += IV_SIZE, sector += step) {
        view.setUint32(at, sector >>> 0, true);
        view.setUint32(at + 4, 0);
        view.setUint32(at + 8, 0);
        view.setUint32(at + 12, 0);
      }
    },
  }),
};
