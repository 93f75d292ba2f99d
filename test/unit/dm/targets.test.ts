import { targetTypes } from '../../../src/dm/index.ts';
import { parseTableLine } from '../../../src/table/index.ts';
import { type TargetSubject, targetSuite } from '../../suites/target.ts';

const XTS_KEY = Buffer.from(Array.from({ length: 64 }, (_, index) => index)).toString('hex');
const CBC_KEY = XTS_KEY.slice(0, 64);

function subject(text: string, data: TargetSubject['data'] = 'kept'): TargetSubject {
  const line = parseTableLine(text)!;
  return { type: targetTypes.get(line.type)!, line, data, deviceSize: 5120 * 512 };
}

targetSuite('linear', subject('0 4096 linear disk 24'));
targetSuite('zero', subject('0 4096 zero', 'forgotten'));
targetSuite('error', subject('0 4096 error', 'refused'));
targetSuite('error with a device', subject('0 4096 error disk 8', 'refused'));
targetSuite('crypt, XTS', subject(`0 4096 crypt aes-xts-plain64 ${XTS_KEY} 0 disk 24 1 allow_discards`));
targetSuite('crypt, CBC with ESSIV', subject(`0 4099 crypt aes-cbc-essiv:sha256 ${CBC_KEY} 77 disk 3`));
targetSuite(
  'crypt, sectors of 4 KiB',
  subject(`0 4096 crypt aes-xts-plain64 ${XTS_KEY} 8 disk 64 2 sector_size:4096 iv_large_sectors`),
);
targetSuite('crypt without a cipher', subject('0 4096 crypt cipher_null-ecb - 0 disk 0'));
