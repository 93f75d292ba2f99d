import type { BlockDevice } from '../../src/block/device.ts';
import { TscryptError } from '../../src/errors.ts';
import type {
  AttachOptions,
  Availability,
  KernelExport,
  KernelExporter,
  KernelExportState,
} from '../../src/export/kernel-export.ts';

/** A device as a kernel without a kernel shows it: what was done with it, and whether somebody uses it. */
export class FakeExport implements KernelExport {
  readonly kind = 'ublk';
  readonly node: string;
  readonly numbers = { major: 259, minor: 7 };
  readonly queues = 1;
  readonly device: BlockDevice;
  readonly options: AttachOptions;
  readonly ended: Promise<void>;
  size: number;
  used = false;
  /** Ends the kernel's side, as another program would. */
  end: () => void = () => {};
  gone: 'detached' | 'left' | undefined;

  constructor(node: string, device: BlockDevice, options: AttachOptions) {
    this.node = node;
    this.device = device;
    this.options = options;
    this.size = device.size;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  get state(): KernelExportState {
    return { kind: this.kind, node: this.node };
  }

  async counters() {
    return { reads: 1, readBytes: 512, writes: 0, writtenBytes: 0, flushes: 0, others: 0, errors: 0 };
  }

  async resize(size: number): Promise<void> {
    if (this.used && size < this.size) throw new TscryptError('DEVICE_BUSY', 'It is in use.');
    this.size = size;
  }

  async inUse(): Promise<boolean> {
    return this.used;
  }

  async detach({ force = false } = {}): Promise<void> {
    if (this.used && !force) throw new TscryptError('DEVICE_BUSY', `${this.node} is in use.`);
    this.gone = 'detached';
    this.end();
  }

  async leave(): Promise<void> {
    this.gone = 'left';
  }
}

/** Makes {@link FakeExport}s, `/dev/fake0` and so on, and keeps them. */
export class FakeExporter implements KernelExporter {
  readonly kind = 'ublk';
  readonly made: FakeExport[] = [];
  readonly removed: KernelExportState[] = [];
  answer: Availability = { usable: true };
  /** What attaching fails with. */
  failure: Error | undefined;

  get last(): FakeExport {
    const last = this.made.at(-1);
    if (!last) throw new Error('nothing was attached');
    return last;
  }

  async availability(): Promise<Availability> {
    return this.answer;
  }

  async attach(device: BlockDevice, options: AttachOptions): Promise<FakeExport> {
    if (this.failure) throw this.failure;
    const made = new FakeExport(`/dev/fake${this.made.length}`, device, options);
    this.made.push(made);
    return made;
  }

  async recover(device: BlockDevice, state: KernelExportState, options: AttachOptions): Promise<FakeExport> {
    const made = new FakeExport(state.node, device, options);
    this.made.push(made);
    return made;
  }

  async remove(state: KernelExportState): Promise<void> {
    this.removed.push(state);
  }
}
