#!/usr/bin/env node
import { DM_COMMAND_TABLE } from '../dist/programs/dm-commands.js';
import { main } from '../dist/programs/tsdmsetup.js';

process.exit(await main('tsdmsetup', process.argv.slice(2), DM_COMMAND_TABLE));
