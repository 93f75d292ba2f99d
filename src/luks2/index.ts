/**
 * LUKS2: headers, keyslots and what follows from them, over any block device. No paths, no prompts, no
 * locks: the callers own those. Nothing here writes before everything that can be checked has been.
 */
export { type CryptTableOptions, cryptTable, persistentFlags } from './activate.ts';
export { backupHeader, planRestore, type RestoreOptions, type RestorePlan, restoreHeader } from './backup.ts';
export {
  PERSISTENT_FLAGS,
  type PersistentFlag,
  setFlags,
  setLabels,
  setPriority,
  setUuid,
} from './config.ts';
export { verifyVolumeKey } from './digests.ts';
export { dumpJson, dumpText } from './dump.ts';
export {
  createHeader,
  type FirstKeyslot,
  type FormatParams,
  type Formatted,
  formatDevice,
  requiredHeaderSize,
} from './format.ts';
export { dataOffset, headerRegionSize, keyslotsSize } from './geometry.ts';
export type { HeaderCopy, Luks2Header } from './header.ts';
export {
  addKeyslot,
  changeKeyslot,
  type KeyslotChange,
  type KeyslotParams,
  removeKeyslot,
} from './keyslots.ts';
export type * from './metadata.ts';
export { examineHeader, type HeaderState, isLuks2, readHeader } from './read.ts';
export { recoverHeader } from './recover.ts';
export { requirements } from './requirements.ts';
export { isBound, isCryptSegment, regularSegments } from './segments.ts';
export { type UnlockedKey, type UnlockOptions, unlock } from './unlock.ts';
export { writeHeader } from './write.ts';
