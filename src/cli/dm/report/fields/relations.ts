import { blockName, devnoText } from '../../block-name.ts';
import type { GraphNode } from '../../graph.ts';
import type { FieldSection } from '../field.ts';
import { type DeviceFacts, type DeviceRow, deviceField } from './row.ts';

/** Of the kind `deps` is what the device itself knows; of the kind `tree`, what only all devices together show. */
export const TREE_KIND = 'tree';

/** What a mapped device lies upon, and what lies upon it. */
export const RELATIONS_SECTION: FieldSection<DeviceRow> = {
  title: 'Mapped Device Relationship Information',
  kind: 'deps',
  fields: [
    deviceField(
      {
        id: 'device_count',
        heading: '#Devs',
        type: 'number',
        width: 5,
        help: 'Number of devices that it lies upon.',
      },
      ({ dependencies }) => dependencies.length,
    ),
    deviceField(
      {
        id: 'devs_used',
        heading: 'DevNamesUsed',
        type: 'string',
        width: 16,
        help: 'Mapped devices that it lies upon, by name.',
        kind: TREE_KIND,
      },
      (facts) => namesOf(facts, facts.node?.uses),
    ),
    deviceField(
      {
        id: 'devnos_used',
        heading: 'DevNosUsed',
        type: 'string',
        width: 16,
        help: 'Devices that it lies upon, by their numbers; files by their path.',
      },
      ({ dependencies }) => dependencies.map((dependency) => devnoText(dependency, ':')).join(','),
    ),
    deviceField(
      {
        id: 'blkdevs_used',
        heading: 'BlkDevNamesUsed',
        type: 'string',
        width: 16,
        help: 'Devices that it lies upon, by name.',
      },
      ({ dependencies }) => dependencies.map(blockName).join(','),
    ),
    deviceField(
      {
        id: 'device_ref_count',
        heading: '#Refs',
        type: 'number',
        width: 5,
        help: 'Number of mapped devices that lie upon it.',
        kind: TREE_KIND,
      },
      ({ node }) => node?.usedBy.length ?? 0,
    ),
    deviceField(
      {
        id: 'names_using_dev',
        heading: 'RefNames',
        type: 'string',
        width: 8,
        help: 'Mapped devices that lie upon it, by name.',
        kind: TREE_KIND,
      },
      (facts) => namesOf(facts, facts.node?.usedBy),
    ),
    deviceField(
      {
        id: 'devnos_using_dev',
        heading: 'RefDevNos',
        type: 'string',
        width: 9,
        help: 'Mapped devices that lie upon it, by their numbers.',
        kind: TREE_KIND,
      },
      ({ node }) =>
        mapped(node?.usedBy)
          .map(({ major, minor }) => `${major}:${minor}`)
          .join(','),
    ),
  ],
};

function namesOf({ names }: DeviceFacts, nodes: readonly GraphNode[] = []): string {
  return mapped(nodes)
    .map(({ name }) => names.shown(name))
    .join(',');
}

function mapped(nodes: readonly GraphNode[] = []) {
  return nodes.flatMap(({ device }) => device ?? []);
}
