import type { TargetType } from './target.ts';
import { cryptTarget } from './targets/crypt/index.ts';
import { delayTarget } from './targets/delay/index.ts';
import { dustTarget } from './targets/dust/index.ts';
import { errorTarget } from './targets/error/index.ts';
import { flakeyTarget } from './targets/flakey/index.ts';
import { linearTarget } from './targets/linear/index.ts';
import { logWritesTarget } from './targets/log-writes/index.ts';
import { multipathTarget } from './targets/multipath/index.ts';
import { stripedTarget } from './targets/striped/index.ts';
import { switchTarget } from './targets/switch/index.ts';
import { unstripedTarget } from './targets/unstriped/index.ts';
import { zeroTarget } from './targets/zero/index.ts';

/** Every target type of this build, by its name in tables. Adding one is a folder and a line here. */
export const targetTypes: ReadonlyMap<string, TargetType> = new Map(
  [
    cryptTarget,
    delayTarget,
    dustTarget,
    errorTarget,
    flakeyTarget,
    linearTarget,
    logWritesTarget,
    multipathTarget,
    stripedTarget,
    switchTarget,
    unstripedTarget,
    zeroTarget,
  ].map((type) => [type.name, type]),
);
