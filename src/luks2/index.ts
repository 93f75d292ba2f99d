/**
 * LUKS2: headers, keyslots and what follows from them, over any block device. No paths, no prompts, no
 * locks: the callers own those. Nothing here writes before everything that can be checked has been.
 */
export { cryptTable, persistentFlags } from './activate.ts';
export { backupHeader, planRestore, restoreHeader } from './backup.ts';
export { type PersistentFlag, setFlags, setLabels, setPriority, setUuid } from './config.ts';
export { verifyVolumeKey } from './digests.ts';
export { dumpJson, dumpText } from './dump.ts';
export { foreignSignature } from './foreign-signature.ts';
export {
  createHeader,
  type FormatParams,
  formatDevice,
  plannedDataOffset,
  requiredHeaderSize,
} from './format.ts';
export { dataOffset, headerRegionSize } from './geometry.ts';
export type { Luks2Header } from './header.ts';
export { addKeyslot, changeKeyslot, type KeyslotParams, removeKeyslot } from './keyslots.ts';
export type * from './metadata.ts';
export { examineHeader, isLuks2, readHeader } from './read.ts';
export { recoverHeader } from './recover.ts';
export type { RestoreOptions, RestorePlan } from './restore.ts';
export { isBound, volumeDigests } from './segments.ts';
export { unlock } from './unlock.ts';
export { writeHeader } from './write.ts';
