import { type BlockDevice, connectNbd } from '../block/index.ts';
import { type MappedReference, mappedReference } from '../dm/index.ts';
import { TscryptError } from '../errors.ts';
import type { BackingDevices } from './backing-devices.ts';
import { type DeviceState, readStates } from './state-file.ts';

/** What the tables of a stack name and is no device of it: a device of another daemon, a file, a disk, an export. */
export class Elsewhere {
  readonly #root: string;
  readonly #backing: BackingDevices;

  /** @param root the runtime directory */
  constructor(root: string, backing: BackingDevices) {
    this.#root = root;
    this.#backing = backing;
  }

  async open(name: string, how: { readonly readOnly: boolean }): Promise<BlockDevice> {
    const reference = mappedReference(name);
    if (reference?.by !== 'minor') return await this.#backing.open(name, how);
    const uri = this.#find(({ minor }) => minor === reference.minor)?.uris[0];
    if (uri !== undefined) return await connectNbd(uri, how);
    throw new TscryptError('NO_SUCH_DEVICE', `There is no mapped device ${name}.`, {
      errno: 'ENODEV',
      details: { device: name },
    });
  }

  /** The number of the mapped device that is meant, if there is one. */
  minorOf(reference: MappedReference): number | undefined {
    switch (reference.by) {
      case 'minor':
        return reference.minor;
      case 'name':
        return this.#find(({ name }) => name === reference.name)?.minor;
      default:
        return this.#find(({ uuid }) => uuid === reference.uuid)?.minor;
    }
  }

  nameOf(minor: number): string | undefined {
    return this.#find((state) => state.minor === minor)?.name;
  }

  #find(matches: (state: DeviceState) => boolean): DeviceState | undefined {
    return readStates(this.#root).find(matches);
  }
}
