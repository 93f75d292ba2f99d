/** major:minor of a device file, decoded as glibc's gnu_dev_major/gnu_dev_minor do. */
export interface DeviceNumbers {
  readonly major: number;
  readonly minor: number;
}

/** Decodes `st_rdev` or `st_dev`. */
export function deviceNumbers(dev: number | bigint): DeviceNumbers {
  const bits = BigInt(dev);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)),
  };
}

export function formatDeviceNumbers(numbers: DeviceNumbers): string {
  return `${numbers.major}:${numbers.minor}`;
}
