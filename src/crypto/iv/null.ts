import { IV_SIZE, type IvMode } from './iv.ts';

/** Zeroes (loop-AES version 1 and other old volumes). */
export const nullIv: IvMode = {
  name: 'null',
  create: () => ({
    fill({ bytes }, _first, _step, count) {
      bytes.fill(0, 0, count * IV_SIZE);
    },
  }),
};
