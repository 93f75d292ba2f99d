import { hash } from '../hash.ts';
import { IV_SIZE, type IvMode } from './iv.ts';
import { fillPlain64 } from './plain64.ts';

/**
 * The plain64 IV encrypted with the same block cipher under a key of its own, the hash of the data's key
 * ("encrypted salt-sector IV"; kernel, `crypto/essiv.c`).
 */
export const essiv: IvMode = {
  name: 'essiv',
  create({ options, key, createBlockCipher }) {
    const salt = hash(options ?? '', key);
    try {
      const cipher = createBlockCipher(salt);
      return {
        fill(area, first, step, count) {
          fillPlain64(area, first, step, count);
          area.bytes.set(cipher.encrypt(area.bytes.subarray(0, count * IV_SIZE)));
        },
        dispose: () => cipher.dispose(),
      };
    } finally {
      salt.fill(0);
    }
  },
};
