#!/usr/bin/env node
import { ACTION_TABLE } from '../dist/programs/actions.js';
import { main } from '../dist/programs/tscrypt.js';

process.exit(await main(process.argv.slice(2), ACTION_TABLE));
