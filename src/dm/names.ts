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

/** Bytes that udev takes in names; libdevmapper writes all others as `\\xNN` (dmsetup(8), --manglename). */
const ALLOWED = /^[0-9A-Za-z#+\-.:=@_]*$/;
/** What counts as written so already. */
const CODE = /\\x../gs;

/** Whether a name or uuid consists of bytes that stay as they are, and of codes. */
export function isEncodedName(text: string): boolean {
  return ALLOWED.test(text.replace(CODE, ''));
}

/** Every byte that may not stay as it is as its code; a backslash is one. */
export function encodeName(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const char = String.fromCharCode(byte);
    encoded += ALLOWED.test(char) ? char : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return encoded;
}
