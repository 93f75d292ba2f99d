import {
  type CipherSpec,
  createSectorCipher,
  parseCipherSpec,
  type Secret,
  type SectorCipher,
  validKeySizes,
} from '../../../crypto/index.ts';
import { TscryptError } from '../../../errors.ts';
import type { CryptOptions } from './args.ts';

/**
 * The cipher of a crypt line, failing as the kernel's constructor does: specification, algorithm, IV, key.
 *
 * @throws TscryptError INVALID_ARGUMENT or NOT_SUPPORTED, the kernel's text first, then what is wrong
 */
export function createCipher(text: string, key: Secret, options: CryptOptions): SectorCipher {
  const spec = step(() => parseCipherSpec(text), specificationText);
  step(
    () => validKeySizes(spec),
    () => 'Error allocating crypto tfm',
  );
  return step(() => createSectorCipher(request(spec, key, options)), cipherText);
}

function request(spec: CipherSpec, key: Secret, options: CryptOptions) {
  return {
    spec,
    key: key.bytes,
    sectorSize: options.sectorSize,
    largeSectorIv: options.ivLargeSectors,
  };
}

function specificationText(error: TscryptError): string {
  switch (error.details.field) {
    case 'keycount':
      return 'Bad cipher key count specification';
    case 'ivmode':
      return 'IV mechanism required';
    case 'ivopts':
      return 'Digest algorithm missing for ESSIV mode';
    default:
      return error.code === 'NOT_SUPPORTED' ? 'Error allocating crypto tfm' : 'Bad cipher specification';
  }
}

function cipherText(error: TscryptError): string {
  if (error.details.field === 'keySize') return 'Error decoding and setting key';
  return error.details.ivMode === undefined ? 'Error creating IV' : 'Invalid IV mode';
}

function step<T>(action: () => T, text: (error: TscryptError) => string): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    throw new TscryptError(error.code, `${text(error)}: ${error.message}`, {
      details: error.details,
      cause: error,
    });
  }
}
