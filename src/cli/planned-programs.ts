import { TscryptError } from '../errors.ts';
import { report } from './failure.ts';
import { usageError } from './flags/values.ts';
import { Ui } from './ui.ts';

/** Programs whose names are taken, and whose actions a later version brings. */
const PLANNED = {
  veritysetup: {
    actions: ['format', 'verify', 'open', 'close', 'status', 'dump'],
    hint: 'The stock veritysetup of the cryptsetup package does this.',
  },
  integritysetup: {
    actions: ['format', 'open', 'close', 'status', 'dump', 'resize'],
    hint: 'The stock integritysetup of the cryptsetup package does this.',
  },
} as const;

/** Says what the program does not do yet; the exit code, which is never that of success. */
export function plannedProgram(program: keyof typeof PLANNED, argv: readonly string[]): number {
  const { actions, hint } = PLANNED[program];
  const ui = new Ui({ json: argv.includes('--json') });
  const action = argv.find((word) => !word.startsWith('-'));
  const known = (actions as readonly string[]).includes(action ?? '');
  if (action !== undefined && !known) return report(usageError(`${program}: Unknown action.`), ui);
  const what = known
    ? `Action ${action} of ${program} is`
    : `The actions of ${program} (${actions.join(', ')}) are`;
  return report(new TscryptError('NOT_SUPPORTED', `${what} not available in this version.`, { hint }), ui);
}
