import { fuseExporter } from './fuse/index.ts';
import type { KernelExporter } from './kernel-export.ts';
import { nbdExporter } from './kernel-nbd/index.ts';
import { ublkExporter } from './ublk/index.ts';

/** The ways in which the kernel can show a device, best first. */
export const kernelExporters: readonly KernelExporter[] = [ublkExporter, nbdExporter, fuseExporter];
