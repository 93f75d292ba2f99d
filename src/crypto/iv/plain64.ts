import { IV_SIZE, type IvArea, type IvMode, putLe64 } from './iv.ts';

export function fillPlain64({ view }: IvArea, first: number, step: number, count: number): void {
  for (let i = 0, at = 0, sector = first; i < count; i++, at += IV_SIZE, sector += step) {
    putLe64(view, at, sector);
    view.setUint32(at + 8, 0);
    view.setUint32(at + 12, 0);
  }
}

/** The sector number, 64 bits, little-endian. */
export const plain64: IvMode = { name: 'plain64', create: () => ({ fill: fillPlain64 }) };
