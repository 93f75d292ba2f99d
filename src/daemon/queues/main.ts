/** queue-thread: the program of the daemon's threads that serve queues; not meant to be started by hand. */
import { queueJobs } from './jobs.ts';
import { runQueueThread } from './thread-program.ts';

runQueueThread(queueJobs);
