import type { BlockDevice } from '../../../src/block/index.ts';
import { formatStatusLine, MappedDevice, type TargetType } from '../../../src/dm/index.ts';
import { TscryptError } from '../../../src/errors.ts';
import { formatTableLine, parseTable, splitArgs } from '../../../src/table/index.ts';
import { alignUp, SECTOR_SIZE } from '../../../src/units.ts';
import type { Answer, Answers } from './answers.ts';
import type { Case, MappedSpec, Step } from './case.ts';
import { fingerprint, fingerprints, noise, PIECE } from './content.ts';
import { LoopDisk } from './loop-disk.ts';

export interface HereOptions {
  /** Instead of the target types of this build. */
  readonly targetTypes?: ReadonlyMap<string, TargetType>;
}

/** Milliseconds until a step counts as hanging. */
const PATIENCE = 20_000;

/** Takes every step of a case on this side. */
export async function runHere(one: Case, options: HereOptions = {}): Promise<Answers> {
  const bench = new Bench(one, options);
  const answers: Answer[] = [];
  for (const action of bench.actions()) {
    try {
      answers.push(await inTime(action()));
    } catch (error) {
      if (!(error instanceof TscryptError)) throw error;
      answers.push({ errno: errnoOf(error) });
    }
  }
  return answers;
}

type Action = () => Promise<Answer>;
type Range = Extract<Step, { do: 'read' | 'write' | 'discard' | 'zeroes' }>;

class Bench {
  readonly #case: Case;
  readonly #options: HereOptions;
  readonly #disks: ReadonlyMap<string, LoopDisk>;
  readonly #mapped = new Map<string, MappedDevice>();

  constructor(one: Case, options: HereOptions) {
    this.#case = one;
    this.#options = options;
    this.#disks = LoopDisk.of(one.name, one.disks);
  }

  *actions(): Generator<Action> {
    const { devices, steps } = this.#case;
    for (const spec of devices) yield () => this.#create(spec);
    for (const [index, step] of steps.entries()) yield () => this.#step(step, index);
    const mapped = [...this.#mapped.values()];
    const down = mapped.toReversed();
    for (const device of mapped) yield () => this.#wake(device);
    for (const device of down) yield () => this.#content(device);
    for (const device of down) yield () => device.close().then(ok);
    for (const disk of this.#disks.values()) yield async () => fingerprints(disk.content);
  }

  async #create({ name, table, readOnly = false }: MappedSpec): Promise<Answer> {
    const label = `{${name}}`;
    const device = await MappedDevice.create({
      name: label,
      readOnly,
      openDevice: (below) => this.#open(below, label),
      ...(this.#options.targetTypes ? { targetTypes: this.#options.targetTypes } : {}),
    });
    this.#mapped.set(label, device);
    if (table.length === 0) return 'ok';
    const answer = await load(device, table, readOnly);
    if (answer === 'ok') await device.resume();
    return answer;
  }

  async #step(step: Step, index: number): Promise<Answer> {
    const name = step.device ?? this.#case.devices.at(-1)?.name;
    const device = this.#mapped.get(`{${name}}`);
    if (!device) throw new Error(`the case has no device ${name}`);
    switch (step.do) {
      case 'read':
      case 'write':
      case 'discard':
      case 'zeroes':
        return await this.#range(device, step, index);
      case 'flush':
        if (this.#holds(device)) return 'held';
        if (device.size === 0) return 'outside';
        await device.flush();
        return 'ok';
      case 'message':
        return { answer: await device.message(step.sector, splitArgs(step.words)) };
      case 'status':
        return device.status().map(formatStatusLine);
      case 'table':
        // A target that is made of groups leaves a blank behind the last one in the kernel, which is no argument.
        return device.table().map((line) => formatTableLine(line, { showKeys: true }).trimEnd());
      case 'info':
        return infoOf(device);
      case 'limits':
        return limitsOf(device);
      case 'load':
        return await load(device, step.table, step.readOnly ?? false);
      case 'suspend': {
        const { flush = true } = step;
        if (flush && this.#flushWaits(device)) return 'held';
        await device.suspend({ flush });
        return 'ok';
      }
      case 'resume': {
        const { flush = true } = step;
        if (flush && device.info.tables.inactive && this.#flushWaits(device)) return 'held';
        await device.resume({ flush });
        return 'ok';
      }
      case 'clear':
        return await device.clear().then(ok);
    }
  }

  async #range(device: MappedDevice, step: Range, index: number): Promise<Answer> {
    if (this.#holds(device)) return 'held';
    const offset = step.sector * SECTOR_SIZE;
    const length = step.sectors * SECTOR_SIZE;
    if (offset + length > device.size) return 'outside';
    const data = step.do === 'write' ? noise(`${this.#case.name} ${index}`, length) : new Uint8Array(length);
    switch (step.do) {
      case 'read':
        await device.read(offset, data);
        return fingerprint(data);
      case 'write':
        await device.write(offset, data, { fua: step.fua ?? false });
        // A synchronous write flushes besides, whether FUA did it or not.
        if (step.fua) await device.flush();
        return 'ok';
      case 'discard':
        return await this.#discard(device, offset, length);
      case 'zeroes':
        await device.writeZeroes(offset, length);
        return 'ok';
    }
  }

  /**
   * As the kernel's system call: a request that begins inside a granule is cut at its end, both parts are
   * made, and all is well where it is a device further down that turns out not to discard.
   */
  async #discard(device: MappedDevice, offset: number, length: number): Promise<Answer> {
    const { discard } = device.features;
    const granularity = device.limits.discardGranularity || SECTOR_SIZE;
    const first = Math.min(length, alignUp(offset, granularity) - offset);
    const failures: TscryptError[] = [];
    for (const [at, size] of [[offset, first] as const, [offset + first, length - first] as const]) {
      if (size === 0) continue;
      try {
        await device.discard(at, size);
      } catch (error) {
        if (!(error instanceof TscryptError)) throw error;
        failures.push(error);
      }
    }
    const [failure] = failures;
    if (failure && (!discard || errnoOf(failure) !== 'EOPNOTSUPP')) throw failure;
    return 'ok';
  }

  /** Whether a request would wait for a resume: of the device or, perhaps, of one made before it. */
  #holds(device: MappedDevice): boolean {
    for (const other of this.#mapped.values()) {
      if (other.info.state === 'suspended') return true;
      if (other === device) break;
    }
    return false;
  }

  /** Whether the flush that belongs to a suspension would wait for a resume. */
  #flushWaits(device: MappedDevice): boolean {
    const { tables, state, readOnly } = device.info;
    return tables.live && state === 'active' && !readOnly && this.#holds(device);
  }

  async #wake(device: MappedDevice): Promise<Answer> {
    if (device.info.state === 'suspended') {
      await device.clear();
      await device.resume();
    }
    return 'ok';
  }

  async #content(device: MappedDevice): Promise<Answer> {
    if (this.#holds(device)) return 'held';
    const found: string[] = [];
    for (let sector = 0; sector * SECTOR_SIZE < device.size; sector += PIECE) {
      const piece = new Uint8Array(Math.min(PIECE * SECTOR_SIZE, device.size - sector * SECTOR_SIZE));
      try {
        await device.read(sector * SECTOR_SIZE, piece);
        found.push(fingerprint(piece));
      } catch (error) {
        if (!(error instanceof TscryptError)) throw error;
        found.push(errnoOf(error));
      }
    }
    return found;
  }

  /** @param by who opens it */
  async #open(name: string, by: string): Promise<BlockDevice> {
    if (name === by) throw new TscryptError('INVALID_ARGUMENT', `${name} cannot be below itself`);
    const device = this.#mapped.get(name)?.open() ?? this.#disks.get(name)?.open();
    if (device) return device;
    const errno = /^\d+:\d+$/.test(name) ? 'ENXIO' : 'ENOENT';
    throw new TscryptError('NO_SUCH_DEVICE', `no ${name}`, { errno });
  }
}

async function load(device: MappedDevice, table: readonly string[], readOnly: boolean): Promise<Answer> {
  try {
    await device.load(parseTable(table.join('\n')), { readOnly });
    return 'ok';
  } catch (error) {
    if (!(error instanceof TscryptError)) throw error;
    return { errno: errnoOf(error), text: error.message };
  }
}

function infoOf(device: MappedDevice): Answer {
  const { state, readOnly, tables, openCount, eventNumber, targetCount } = device.info;
  const sectors = device.size / SECTOR_SIZE;
  return { state, readOnly, ...tables, openCount, eventNumber, targets: targetCount, sectors };
}

/** By the kernel's names, as they are in sysfs. */
function limitsOf(device: MappedDevice): Answer {
  if (device.size === 0) return 'no table';
  const { limits } = device;
  return {
    logical_block_size: limits.logicalBlockSize,
    physical_block_size: limits.physicalBlockSize,
    minimum_io_size: limits.ioMin,
    optimal_io_size: limits.ioOpt,
    discard_granularity: limits.discardGranularity,
    chunk_sectors: limits.chunkSize / SECTOR_SIZE,
    alignment_offset: limits.alignmentOffset,
  };
}

function errnoOf(error: TscryptError): string {
  return error.errno === 'ENOTSUP' ? 'EOPNOTSUPP' : error.errno;
}

function ok(): Answer {
  return 'ok';
}

async function inTime(answer: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${PATIENCE} ms`)), PATIENCE);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
