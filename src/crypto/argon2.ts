import { TscryptError } from '../errors.ts';
import { type Argon2Engine, type Argon2Request, argon2Engines } from './argon2-engines.ts';
import { Secret } from './secret.ts';

/** LUKS2 never asks for more than 4 GiB (cryptsetup's limit), nor do the engines count further. */
export const ARGON2_MAX_MEMORY_KIB = 4 * 1024 * 1024;
/** Of RFC 9106, section 3.1: 8 KiB for each lane. */
const MEMORY_PER_LANE_KIB = 8;

/** Implementation limits: a header from elsewhere must not turn into thousands of threads. */
const MAX_PARALLELISM = 64;
const MAX_LENGTH = 65_536;
const MAX_SALT = 65_536;

/**
 * Argon2 version 0x13 (RFC 9106), in the first engine that runs here: Node's own, the `argon2` package,
 * plain JavaScript.
 *
 * @throws TscryptError INVALID_ARGUMENT when a cost is out of range (nothing has been allocated then);
 *   OUT_OF_MEMORY when the memory cannot be had
 */
export async function argon2(request: Argon2Request): Promise<Secret> {
  checkRequest(request);
  for (const engine of argon2Engines) {
    const run = await engine.load();
    if (run) return Secret.take(await attempt(engine, () => run(request), request));
  }
  throw new TscryptError('NOT_SUPPORTED', 'Argon2 is not available.');
}

async function attempt(
  engine: Argon2Engine,
  run: () => Promise<Uint8Array>,
  request: Argon2Request,
): Promise<Uint8Array> {
  try {
    return await run();
  } catch (error) {
    const details = { engine: engine.name, memoryKib: request.memoryKib };
    if (engine.isMemoryFailure(error)) {
      throw new TscryptError('OUT_OF_MEMORY', `Argon2 needs ${request.memoryKib} KiB of memory.`, {
        details,
        hint: 'Close other programs, add swap, or unlock with a keyslot that needs less memory.',
        cause: error,
      });
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new TscryptError('INTERNAL', `Argon2 failed: ${reason}`, { details, cause: error });
  }
}

function checkRequest(request: Argon2Request): void {
  const { time, memoryKib, parallelism, length, salt } = request;
  checkRange('parallelism', parallelism, 1, MAX_PARALLELISM);
  checkRange('memoryKib', memoryKib, MEMORY_PER_LANE_KIB * parallelism, ARGON2_MAX_MEMORY_KIB);
  checkRange('time', time, 1, 0xffff_ffff);
  checkRange('length', length, 4, MAX_LENGTH);
  checkRange('salt', salt.length, 8, MAX_SALT);
}

function checkRange(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new TscryptError('INVALID_ARGUMENT', `Argon2 ${field} must be ${min} to ${max}, not ${value}.`, {
      details: { field, found: value, expected: [min, max] },
    });
  }
}
