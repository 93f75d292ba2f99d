import { refusal } from './failure.ts';

/** The number of a udev cookie, decimal, octal or hexadecimal, as strtoul(3) reads it. */
export function parseCookie(text: string): number {
  const value = /^0x[0-9a-f]+$/i.test(text)
    ? Number(text)
    : /^0[0-7]+$/.test(text)
      ? Number.parseInt(text, 8)
      : /^\d+$/.test(text)
        ? Number(text)
        : 0;
  if (value === 0 || value > 0xffff_ffff) throw refusal('Incorrect cookie value.');
  return value;
}
