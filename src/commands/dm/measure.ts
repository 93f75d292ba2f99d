import { TscryptError } from '../../errors.ts';

/** `tsdmsetup measure`: refused, since there is no one to measure for. */
export default async function measure(): Promise<never> {
  throw new TscryptError(
    'NOT_SUPPORTED',
    'measure is not available: no integrity subsystem (IMA) asks for measurements.',
    {
      hint: 'table shows what a device is made of.',
    },
  );
}
