import { libc } from './ffi.ts';

const PR_SET_IO_FLUSHER = 57;

/**
 * Tells the kernel that this thread serves a disk (prctl(2), PR_SET_IO_FLUSHER): it is not asked to write pages back
 * when it needs memory, which might wait for itself. Ignored where the capability for it (CAP_SYS_RESOURCE) is missing.
 */
export function markIoFlusher(): void {
  libc()?.prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}
