import { string as argument } from '@oclif/core/args';
import { boolean, custom } from '@oclif/core/flags';
import type { ArgInput, FlagInput } from '@oclif/core/interfaces';
import { ACTIONS, type ActionName, type ActionSpec } from './actions.ts';
import { isAllowed, OPTION_NAMES, type OptionName, optionSpec } from './registry.ts';
import { parseValue } from './values.ts';

/** What oclif has to know of an action's options. */
export function flagsOf(action: ActionName): FlagInput {
  const names = OPTION_NAMES.filter((name) => isAllowed(name, action));
  return Object.fromEntries(names.map((name) => [name, flag(name)]));
}

/**
 * What oclif has to know of an action's operands. `ignoreStdin`: oclif would take a missing operand from
 * standard input, where the passphrase is.
 */
export function argumentsOf(action: ActionName): ArgInput {
  const spec: ActionSpec = ACTIONS[action];
  return Object.fromEntries(
    spec.names.map((name, index) => [name, argument({ required: index < spec.minimum, ignoreStdin: true })]),
  );
}

function flag(name: OptionName): FlagInput[string] {
  const { kind, help } = optionSpec(name);
  if (kind === 'boolean') return boolean({ description: help });
  return custom<string | number | boolean>({
    description: help,
    parse: async (text) => parseValue(kind, `--${name}`, text),
  })();
}
