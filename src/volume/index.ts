export type { PbkdfRequest } from '../crypto/index.ts';
export type { ActivateOptions, MapOptions } from './activation.ts';
export type { KeyslotContext, Unlocked } from './credential.ts';
export type { Formatted, LuksFormatOptions } from './format.ts';
export { planHeaderRestore, restoreVolumeHeader } from './header-backup.ts';
export { KEY_FILE_MAX, type KeyFileOptions, readKeyFile } from './key-file.ts';
export { checkExists, type VolumeLocation } from './location.ts';
export { isLuks, type KeyslotOptions, LuksVolume, luksVersion } from './luks-volume.ts';
export { signatureOf } from './signature.ts';
