import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';

/** The text of `cryptsetup luksDump`, byte for byte. */
export function dumpText(_header: Luks2Header): string {
  throw new TscryptError('INTERNAL', 'not written yet');
}

/** The text of `cryptsetup luksDump --dump-json-metadata`, byte for byte, ending in a newline. */
export function dumpJson(_header: Luks2Header): string {
  throw new TscryptError('INTERNAL', 'not written yet');
}
