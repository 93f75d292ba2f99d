import { TscryptError } from '../errors.ts';
import type { Luks2Header } from './header.ts';

/** What the header says must not be ignored (specification, section 3.6): `config.requirements.mandatory`. */
export function requirements(header: Luks2Header): readonly string[] {
  return header.metadata.config.requirements?.mandatory ?? [];
}

/**
 * Refuses to open or change a volume that asks for something this program does not do. No requirement is
 * implemented yet, so every one counts.
 *
 * @throws TscryptError REQUIREMENT_UNMET
 */
export function checkRequirements(header: Luks2Header): void {
  const unmet = requirements(header);
  if (unmet.length === 0) return;
  throw new TscryptError('REQUIREMENT_UNMET', `Unmet LUKS2 requirements: ${unmet.join(', ')}.`, {
    details: { requirements: unmet },
    hint: unmet.some((name) => name.includes('reencrypt'))
      ? 'Reencryption is under way: finish it with the program that started it.'
      : 'Use a program that knows these requirements.',
  });
}
