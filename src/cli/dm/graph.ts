import type { Dependency, DeviceInfo } from '../../daemon/request.ts';

/** A mapped device, or something below one. */
export interface GraphNode {
  readonly device?: DeviceInfo;
  /** What it is where it is no mapped device that is listed. */
  readonly dependency?: Dependency;
  /** What it lies upon, in the order of {@link dependenciesOf}. */
  readonly uses: readonly GraphNode[];
  /** What lies upon it, in the order in which it was found. */
  readonly usedBy: readonly GraphNode[];
}

interface GrowingNode extends GraphNode {
  readonly uses: GrowingNode[];
  readonly usedBy: GrowingNode[];
}

/** The devices below the live table, as Linux lists them: the one that was opened last comes first. */
export function dependenciesOf({ dependencies, tables }: DeviceInfo): readonly Dependency[] {
  return tables.live ? [...dependencies].reverse() : [];
}

/** What lies upon what. */
export class DeviceGraph {
  /** In the order in which they are found: each device, what it lies upon, what that lies upon, the next device. */
  readonly nodes: readonly GraphNode[];

  readonly #byLabel = new Map<string, GrowingNode>();

  /** @param devices all mapped devices, in the order in which they are listed */
  constructor(devices: readonly DeviceInfo[]) {
    const listed = new Map(devices.map((device) => [labelOf(device), device]));
    const add = (device: DeviceInfo): GrowingNode => {
      const label = labelOf(device);
      const known = this.#byLabel.get(label);
      if (known) return known;
      const node = this.#grow(label, { device });
      for (const dependency of dependenciesOf(device)) {
        const below = dependency.numbers && listed.get(labelOf(dependency.numbers));
        link(node, below ? add(below) : this.#leaf(dependency));
      }
      return node;
    };
    for (const device of devices) add(device);
    this.nodes = [...this.#byLabel.values()];
  }

  nodeOf(device: DeviceInfo): GraphNode | undefined {
    return this.#byLabel.get(labelOf(device));
  }

  /** What nothing lies upon; `inverted`: what lies upon nothing. */
  roots(inverted: boolean): readonly GraphNode[] {
    return this.nodes.filter(({ uses, usedBy }) => (inverted ? uses : usedBy).length === 0);
  }

  #leaf(dependency: Dependency): GrowingNode {
    return this.#byLabel.get(dependency.label) ?? this.#grow(dependency.label, { dependency });
  }

  #grow(label: string, what: Pick<GraphNode, 'device' | 'dependency'>): GrowingNode {
    const node: GrowingNode = { ...what, uses: [], usedBy: [] };
    this.#byLabel.set(label, node);
    return node;
  }
}

function labelOf({ major, minor }: { readonly major: number; readonly minor: number }): string {
  return `${major}:${minor}`;
}

function link(above: GrowingNode, below: GrowingNode): void {
  above.uses.push(below);
  below.usedBy.push(above);
}
