import { TscryptError } from '../errors.ts';

/** DM_NAME_LEN and DM_UUID_LEN of dm-ioctl.h, which count a NUL byte behind the name and the uuid. */
const DM_NAME_LEN = 128;
const DM_UUID_LEN = 129;

/**
 * @returns `name`
 * @throws TscryptError INVALID_ARGUMENT when it cannot be a mapped device's name
 */
export function checkName(name: string): string {
  const length = Buffer.byteLength(name);
  const reason =
    length === 0
      ? 'is empty'
      : length >= DM_NAME_LEN
        ? `is longer than ${DM_NAME_LEN - 1} bytes`
        : name.includes('/') || name.includes('\0')
          ? 'holds a "/" or a NUL'
          : name === 'control' || name === '.' || name === '..'
            ? 'is reserved'
            : undefined;
  if (reason === undefined) return name;
  throw new TscryptError('INVALID_ARGUMENT', `Name "${name}" ${reason}.`, { details: { name } });
}

/**
 * @returns `uuid`
 * @throws TscryptError INVALID_ARGUMENT when it is empty or too long
 */
export function checkUuid(uuid: string): string {
  const length = Buffer.byteLength(uuid);
  if (length > 0 && length < DM_UUID_LEN && !uuid.includes('\0')) return uuid;
  throw new TscryptError('INVALID_ARGUMENT', `UUID must have 1 to ${DM_UUID_LEN - 1} bytes.`, {
    details: { uuid },
  });
}
