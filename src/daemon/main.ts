/**
 * tscryptd: the process behind mapped devices. Started by `activateDevice`, or by the supervisor, with one end of a
 * socket pair as descriptor 3; not meant to be started by hand. Standard error is the log in the first device's
 * directory.
 */
import { beginProgram } from './program.ts';
import { runDaemon } from './run.ts';

beginProgram();
process.exit(await runDaemon());
