import { open, readFile, stat, unlink } from 'node:fs/promises';
import { TscryptError } from '../errors.ts';
import {
  backupHeader,
  planRestore,
  type RestoreOptions,
  type RestorePlan,
  restoreHeader,
} from '../luks2/index.ts';
import { MIB } from '../units.ts';
import { isDetached, type VolumeLocation, withHeaderDevice } from './location.ts';

/** Largest header region: two copies of 4 MiB and 128 MiB of keyslots. */
const BACKUP_MAX = 136 * MIB;

/**
 * Stores the header region (both copies and the keyslots area) in a new file, readable by its owner only.
 *
 * @throws TscryptError INVALID_ARGUMENT when the file exists or cannot be made
 */
export async function backupVolumeHeader(location: VolumeLocation, file: string): Promise<void> {
  const backup = await withHeaderDevice(location, 'read', backupHeader);
  const handle = await open(file, 'wx', 0o400).catch((cause) => {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw fileError(
      exists
        ? `Requested header backup file ${file} already exists.`
        : `Cannot create header backup file ${file}.`,
      file,
      cause,
    );
  });
  try {
    await handle.writeFile(backup);
    await handle.sync();
  } catch (cause) {
    await unlink(file).catch(() => {});
    throw fileError(`Cannot write header backup file ${file}.`, file, cause);
  } finally {
    await handle.close();
  }
}

/** What restoring `file` over the header of the volume would mean; writes nothing. */
export async function planHeaderRestore(location: VolumeLocation, file: string): Promise<RestorePlan> {
  const backup = await readBackup(file);
  // Opened for writing, since a device that cannot be written to is part of the answer.
  return withHeaderDevice(location, 'write', (device) => planRestore(device, backup));
}

/**
 * Writes a backup over the header of the volume, so that a power cut leaves the old header or the new one.
 *
 * @throws TscryptError as {@link planHeaderRestore}
 */
export async function restoreVolumeHeader(
  location: VolumeLocation,
  file: string,
  options: RestoreOptions = {},
): Promise<void> {
  const backup = await readBackup(file);
  const detached = await isDetached(location);
  await withHeaderDevice(location, 'write', (device) =>
    restoreHeader(device, backup, { ...options, detached }),
  );
}

async function readBackup(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > BACKUP_MAX) {
      throw new TscryptError(
        'INVALID_FORMAT',
        'Header backup file does not contain compatible LUKS header.',
        {
          details: { file, size, maximum: BACKUP_MAX },
        },
      );
    }
    return await readFile(file);
  } catch (cause) {
    if (cause instanceof TscryptError) throw cause;
    throw fileError(`Cannot open header backup file ${file}.`, file, cause);
  }
}

function fileError(message: string, file: string, cause: unknown): TscryptError {
  const errno = (cause as NodeJS.ErrnoException).code ?? 'EIO';
  return new TscryptError('INVALID_ARGUMENT', message, { details: { file }, errno, cause });
}
