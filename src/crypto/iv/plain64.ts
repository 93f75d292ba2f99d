import type { IvMode } from './iv.ts';

/** The sector number, 64 bits, little-endian. */
export const plain64: IvMode = {
  name: 'plain64',
  create: () => ({ fill: (area, first, step, count) => area.plain64(first, step, count) }),
};
