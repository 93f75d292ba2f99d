import { useSecretAllocator } from '../../crypto/secret.ts';
import type { Ui } from '../ui.ts';

/** Called before anything is read or shown that may be a key: secrets are in locked memory from then on. */
export async function protect(ui: Ui): Promise<void> {
  const { protectProcess } = await import('../../sys/protection.ts');
  for (const shortcoming of protectProcess(useSecretAllocator).shortcomings) ui.debug(shortcoming);
}
