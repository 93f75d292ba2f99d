import { hash } from '../hash.ts';
import type { IvMode } from './iv.ts';

/**
 * The plain64 IV encrypted with the same block cipher under a key of its own, the hash of the data's key
 * ("encrypted salt-sector IV"; kernel, `crypto/essiv.c`).
 */
export const essiv: IvMode = {
  name: 'essiv',
  create({ options, key, createIvCipher }) {
    const salt = hash(options ?? '', key);
    try {
      const cipher = createIvCipher(salt);
      return {
        fill(area, first, step, count) {
          area.plain64(first, step, count);
          cipher.encrypt(area, count);
        },
        dispose: () => cipher.dispose(),
      };
    } finally {
      salt.fill(0);
    }
  },
};
