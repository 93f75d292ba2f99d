import { TscryptError } from '../errors.ts';
import { SECTOR_SIZE } from '../units.ts';
import type { PlacedTarget } from './placed-target.ts';
import type { Target } from './target.ts';

/**
 * What the kernel checks of each device area when a table is complete (`device_area_is_invalid`): the
 * device is large enough, and start and length are whole logical blocks of the target.
 *
 * @throws TscryptError DEVICE_TOO_SMALL or INVALID_ARGUMENT, with the kernel's text; numbers in sectors
 */
export function checkAreas(target: Target, index: number, name: string): void {
  const block = target.limits.logicalBlockSize;
  for (const area of target.areas) {
    const { device } = area;
    const start = area.start / SECTOR_SIZE;
    const length = area.length / SECTOR_SIZE;
    const details = { device: name, line: index + 1, below: device.name, start, length };
    if (area.start + area.length > device.size) {
      const size = Math.floor(device.size / SECTOR_SIZE);
      throw new TscryptError(
        'DEVICE_TOO_SMALL',
        `${device.name} too small for target: start=${start}, len=${length}, dev_size=${size}`,
        { details: { ...details, size }, errno: 'EINVAL' },
      );
    }
    for (const [field, bytes] of [
      ['start', area.start],
      ['len', area.length],
    ] as const) {
      if (bytes % block === 0) continue;
      throw new TscryptError(
        'INVALID_ARGUMENT',
        `${field}=${bytes / SECTOR_SIZE} not aligned to h/w logical block size ${block} of ${device.name}`,
        { details },
      );
    }
  }
}

/**
 * Whether a request of one logical block of the whole device can be split between targets
 * (`validate_hardware_logical_block_alignment`): the part that falls to the next target must be whole
 * blocks of that one, and the device must end with a whole block.
 *
 * The kernel looks at the block size of the devices below only; here the target's own counts as well
 * (crypt's sector size), since such a table loads there but fails every request across the border.
 *
 * @throws TscryptError INVALID_ARGUMENT with the kernel's text
 */
export function checkAlignment(targets: readonly PlacedTarget[], block: number, name: string): void {
  checkBorders(targets, block, name, blockSizeBelow);
  checkBorders(targets, block, name, (target) => target.limits.logicalBlockSize);
}

function blockSizeBelow(target: Target): number {
  return Math.max(SECTOR_SIZE, ...target.areas.map(({ device }) => device.limits.logicalBlockSize));
}

function checkBorders(
  targets: readonly PlacedTarget[],
  block: number,
  name: string,
  blockSizeOf: (target: Target) => number,
): void {
  let remaining = 0;
  let line = 0;
  for (const { start, end, target } of targets) {
    if (remaining < end - start && remaining % blockSizeOf(target) !== 0) break;
    remaining = end % block === 0 ? 0 : block - (end % block);
    line++;
  }
  const offender = targets[line] ?? targets.at(-1);
  if (remaining === 0 || !offender) return;
  const start = offender.start / SECTOR_SIZE;
  const length = (offender.end - offender.start) / SECTOR_SIZE;
  throw new TscryptError(
    'INVALID_ARGUMENT',
    `table line ${line} (start sect ${start} len ${length}) not aligned to h/w logical block size ${block}`,
    { details: { device: name, start, length, expected: block } },
  );
}
