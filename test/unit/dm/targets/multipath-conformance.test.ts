import { multipathTarget } from '../../../../src/dm/targets/multipath/index.ts';
import { parseTableLine } from '../../../../src/table/index.ts';
import { targetSuite } from '../../../suites/target.ts';

function subject(args: string): void {
  const line = parseTableLine(`0 4096 multipath ${args}`)!;
  targetSuite(`multipath ${args}`, { type: multipathTarget, line, data: 'kept' });
}

// One storage below: where paths lead to different ones what is read depends on the path.
for (const selector of ['round-robin', 'queue-length', 'service-time', 'historical-service-time']) {
  subject(`2 queue_mode bio 0 1 1 ${selector} 0 2 1 disk 1 disk 1`);
}
subject('0 0 1 1 io-affinity 0 1 1 disk 1');
subject('1 queue_if_no_path 0 2 1 round-robin 0 1 1 disk 1 service-time 0 1 2 disk 1 5');
