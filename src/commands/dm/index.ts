import type { DmCommandTable } from '../../cli/dm/command.ts';

/** One file a command. */
export const DM_COMMAND_TABLE: DmCommandTable = {
  suspend: () => import('./suspend.ts'),
};
