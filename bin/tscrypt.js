#!/usr/bin/env node
import { ACTION_TABLE } from '../dist/programs/actions.js';
import { main } from '../dist/programs/tscrypt.js';

const [word, ...rest] = process.argv.slice(2);
if (word === 'dm') {
  // The same program as tsdmsetup.
  const { DM_COMMAND_TABLE } = await import('../dist/programs/dm-commands.js');
  const tsdmsetup = await import('../dist/programs/tsdmsetup.js');
  process.exit(await tsdmsetup.main('tscrypt dm', rest, DM_COMMAND_TABLE));
}
process.exit(await main(process.argv.slice(2), ACTION_TABLE));
