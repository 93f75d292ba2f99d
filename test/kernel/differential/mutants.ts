import { type Target, type TargetType, targetTypes } from '../../../src/dm/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import type { TableArg } from '../../../src/table/index.ts';

/** A target type broken on purpose: what the bench must not let pass. */
export interface Mutant {
  readonly name: string;
  /** The type it stands for, whose cases have to find it. */
  readonly type: string;
  readonly broken: TargetType;
}

export const mutants: readonly Mutant[] = [
  mutant('writes one sector too early', 'linear', (target) => ({
    write: (offset, from, options) => target.write(Math.max(0, offset - unit(target)), from, options),
  })),
  mutant('forgets to discard', 'linear', () => ({ discard: () => {} })),
  mutant('loses the last sector of what it reads', 'linear', (target) => ({
    read: (offset, into) => {
      const kept = into.subarray(0, into.length - unit(target));
      return kept.length > 0 ? target.read(offset, kept) : undefined;
    },
  })),
  otherWords(
    'says something else of a wrong table',
    'linear',
    'Invalid argument count',
    'Bad argument count',
  ),
  otherArguments('mixes up two stripes', 'striped', ([count, chunk, a, x, b, y, ...rest]) => [
    ...[count, chunk, b, y, a, x],
    ...rest,
  ]),
  mutant('has stripes that never die', 'striped', (target) => ({
    statusInfo: () => target.statusInfo().replaceAll('D', 'A'),
  })),
  mutant('has no preferred size', 'striped', (target) => ({ limits: { ...target.limits, ioOpt: 0 } })),
  otherArguments('counts sectors from another IV offset', 'crypt', ([cipher, key, iv, ...rest]) => [
    ...[cipher, key, String(Number(iv) + 8)],
    ...rest,
  ]),
  otherArguments('is never down', 'flakey', ([device, offset, , , ...rest]) => [
    device,
    offset,
    '60',
    '0',
    ...rest,
  ]),
  mutant('fails nothing', 'error', () => ({ read: (_, into) => void into.fill(0), write: () => {} })),
  mutant('ignores messages', 'switch', () => ({ message: () => '' })),
  otherArguments('takes the wrong stripe', 'unstriped', ([count, chunk, stripe, ...rest]) => [
    ...[count, chunk, String((Number(stripe) + 1) % Number(count))],
    ...rest,
  ]),
  mutant('misses bad blocks', 'dust', (target) => ({
    read: (offset, into) => succeed(() => target.read(offset, into)),
  })),
  mutant('logs no flush', 'log-writes', () => ({ flush: () => {} })),
  mutant('knows nothing of synchronous writes', 'log-writes', (target) => ({
    write: (offset, from) => target.write(offset, from),
  })),
  mutant('fails no path', 'multipath', (target) => ({
    message: (words) => (words[0] === 'fail_path' ? '' : (target.message?.(words) ?? '')),
  })),
];

type Changes = (target: Target) => Partial<Target>;

function mutant(name: string, type: string, changes: Changes): Mutant {
  const real = typeOf(type);
  const construct: TargetType['construct'] = async (line, context) => {
    const target = await real.construct(line, context);
    return changed(target, changes(target));
  };
  return { name, type, broken: { ...real, construct } };
}

/** A target made of other arguments than it says. Where it cannot be made of them it is made of its own. */
function otherArguments(
  name: string,
  type: string,
  change: (words: readonly (TableArg | undefined)[]) => readonly (TableArg | undefined)[],
): Mutant {
  const real = typeOf(type);
  const construct: TargetType['construct'] = async (line, context) => {
    const honest = await real.construct(line, context);
    const args = change(line.args).filter((word) => word !== undefined);
    const wrong = await real.construct({ ...line, args }, context).catch(() => undefined);
    if (!wrong) return honest;
    return changed(wrong, {
      statusTable: () => honest.statusTable(),
      statusInfo: () => honest.statusInfo(),
      destroy: async () => {
        await wrong.destroy();
        await honest.destroy();
      },
    });
  };
  return { name, type, broken: { ...real, construct } };
}

function otherWords(name: string, type: string, words: string, others: string): Mutant {
  const real = typeOf(type);
  const construct: TargetType['construct'] = async (line, context) => {
    try {
      return await real.construct(line, context);
    } catch (error) {
      if (!(error instanceof TscryptError) || error.message !== words) throw error;
      throw new TscryptError(error.code, others, { errno: error.errno });
    }
  };
  return { name, type, broken: { ...real, construct } };
}

function typeOf(name: string): TargetType {
  const type = targetTypes.get(name);
  if (!type) throw new Error(`no target ${name}`);
  return type;
}

function changed(target: Target, changes: Partial<Target>): Target {
  return new Proxy(target, {
    get(_, property) {
      if (Object.hasOwn(changes, property)) return Reflect.get(changes, property);
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function unit(target: Target): number {
  return target.limits.logicalBlockSize;
}

async function succeed(request: () => void | Promise<void>): Promise<void> {
  try {
    await request();
  } catch {
    // That is the defect.
  }
}
