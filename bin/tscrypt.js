#!/usr/bin/env node
import { main } from '../dist/cli/main.js';
import { ACTION_TABLE } from '../dist/commands/index.js';

process.exit(await main(process.argv.slice(2), ACTION_TABLE));
