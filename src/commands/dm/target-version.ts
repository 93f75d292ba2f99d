import type { DmContext } from '../../cli/dm/command.ts';
import { IoctlFailure } from '../../cli/dm/failure.ts';
import { listVersions } from '../../cli/dm/target-versions.ts';
import { targetTypes } from '../../dm/registry.ts';
import { TscryptError } from '../../errors.ts';

/** `tsdmsetup target-version <target>...` */
export default async function targetVersion({ operands, ui }: DmContext): Promise<undefined> {
  const unknown = operands.findIndex((operand) => !targetTypes.has(operand));
  const wanted = unknown < 0 ? operands : operands.slice(0, unknown);
  const found = wanted.flatMap((operand) => targetTypes.get(operand) ?? []);
  if (found.length > 0 && !(ui.json && unknown >= 0)) listVersions(found, ui);
  const name = operands[unknown];
  if (name === undefined) return;
  throw new IoctlFailure('target-version', { name }, new TscryptError('INVALID_ARGUMENT', ''));
}
