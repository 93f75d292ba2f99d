import { TscryptError } from '../../errors.ts';
import { IV_SIZE, type IvMode, multiply64 } from './iv.ts';

/** The sector's offset in bytes, encrypted with the data's own key ("encrypted byte-offset IV"; BitLocker). */
export const eboiv: IvMode = {
  name: 'eboiv',
  create({ mode, key, sectorSize, createIvCipher }) {
    if (mode !== 'cbc') {
      // dm-crypt encrypts the offset with the whole mode, which is the bare block cipher for CBC only.
      throw new TscryptError('NOT_SUPPORTED', `IV mode eboiv is supported with cbc only, not with ${mode}.`, {
        details: { ivMode: 'eboiv', mode },
      });
    }
    const cipher = createIvCipher(key);
    return {
      fill(area, first, step, count) {
        const { view } = area;
        for (let i = 0, at = 0, sector = first; i < count; i++, at += IV_SIZE, sector += step) {
          const [high, low] = multiply64(sector, sectorSize);
          view.setUint32(at, low, true);
          view.setUint32(at + 4, high, true);
          view.setUint32(at + 8, 0);
          view.setUint32(at + 12, 0);
        }
        cipher.encrypt(area, count);
      },
      dispose: () => cipher.dispose(),
    };
  },
};
