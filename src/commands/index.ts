import type { ActionTable } from '../cli/main.ts';

/** One file an action. */
export const ACTION_TABLE: ActionTable = {
  luksFormat: () => import('./luks-format.ts'),
  open: () => import('./open.ts'),
  close: () => import('./close.ts'),
  status: () => import('./status.ts'),
  luksDump: () => import('./luks-dump.ts'),
  isLuks: () => import('./is-luks.ts'),
  luksUUID: () => import('./luks-uuid.ts'),
  luksAddKey: () => import('./luks-add-key.ts'),
  luksRemoveKey: () => import('./luks-remove-key.ts'),
  luksKillSlot: () => import('./luks-kill-slot.ts'),
  luksChangeKey: () => import('./luks-change-key.ts'),
  luksHeaderBackup: () => import('./luks-header-backup.ts'),
  luksHeaderRestore: () => import('./luks-header-restore.ts'),
  benchmark: () => import('./benchmark.ts'),
  daemon: () => import('./daemon.ts'),
  doctor: () => import('./doctor.ts'),
};
