#!/usr/bin/env node
import { plannedProgram } from '../dist/programs/planned-programs.js';

process.exitCode = plannedProgram('tsdmsetup', process.argv.slice(2));
