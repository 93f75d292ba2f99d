// Run in the guest. Its argument says which steps.
import { runSteps } from './guest.ts';
import { steps as recovery } from './recovery.ts';
import { steps as use } from './use.ts';

await runSteps(process.argv[2] === 'recovery' ? recovery : use);
