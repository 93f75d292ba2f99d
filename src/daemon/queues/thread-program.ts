import { parentPort } from 'node:worker_threads';
import { useOpensslEngine } from '../../crypto/openssl.ts';
import { useSecretAllocator } from '../../crypto/secret.ts';
import { TscryptError } from '../../errors.ts';
import type { QueueJob, QueueJobName } from '../../export/queue-threads.ts';
import { createSecretMemory, openLibcrypto } from '../../sys/index.ts';
import { ThreadService } from './thread-service.ts';

/**
 * Makes this thread a queue thread. The process is protected already; the allocator of secrets and the engines for
 * ciphers are each thread's own.
 */
export function runQueueThread(jobs: Readonly<Record<QueueJobName, QueueJob<never>>>): void {
  if (!parentPort) throw new TscryptError('INTERNAL', 'a queue thread must be started by the daemon');
  const memory = createSecretMemory();
  if (!memory) throw new TscryptError('INTERNAL', 'a queue thread needs foreign functions');
  useSecretAllocator(memory);
  useOpensslEngine(openLibcrypto());
  const service = new ThreadService(parentPort, jobs);
  if (memory.locked < memory.mapped) {
    const text = 'Keys in a queue thread can be swapped out: raise the limit of locked memory (ulimit -l).';
    service.report(new TscryptError('OUT_OF_MEMORY', text));
  }
}
