import type { TargetType } from '../../dm/target.ts';
import type { Ui } from '../ui.ts';

/** Target types, a line each, as `targets` and `target-version` print them. */
export function listVersions(types: readonly TargetType[], ui: Ui): void {
  const list = types.map(({ name, version }) => ({ name, version: version.join('.') }));
  if (ui.json) ui.printJson(list);
  else ui.print(list.map(({ name, version }) => `${name.padEnd(16)} v${version}`).join('\n'));
}
