import { addressOf, type DeviceAddress, ioctl } from '../../cli/dm/address.ts';
import type { DmContext } from '../../cli/dm/command.ts';
import { refusal } from '../../cli/dm/failure.ts';
import { inputOf, readInput } from '../../cli/dm/input.ts';
import { takeMessageKey } from '../../cli/dm/key-text.ts';
import { protect } from '../../cli/dm/protect.ts';
import type { Secret } from '../../crypto/secret.ts';
import { messageDevice } from '../../daemon/devices.ts';
import { splitArgs } from '../../table/parse.ts';
import type { TableArg } from '../../table/spec.ts';

/** Where the key stands in `key set <key>`. */
const KEY = 2;

/** `tsdmsetup message <device> <sector> <message>` */
export default async function message(context: DmContext): Promise<undefined> {
  const { options, operands, ui } = context;
  const named = options.uuid === undefined && options.major === undefined;
  const address = addressOf(context, named ? operands[0] : undefined);
  const [sector = '', ...words] = named ? operands.slice(1) : operands;
  if (!/^\s*\+?\d+$/.test(sector)) throw refusal('Invalid sector.');
  await protect(ui);
  if (words.length === 0 && !ui.json) ui.warn('No message supplied.');
  // What dmsetup joins the kernel takes apart again.
  using text = words.length === 1 && words[0] === '-' ? await readInput(undefined) : inputOf(words.join(' '));
  using key = takeMessageKey(text.bytes);
  await send(context, address, Number(sector), wordsOf(text.bytes, key));
}

async function send(
  { ui, names }: DmContext,
  address: DeviceAddress,
  sector: number,
  words: readonly TableArg[],
): Promise<void> {
  let device = '';
  const answer = await ioctl('message', address, (name) => {
    device = name;
    return messageDevice(name, sector, words);
  });
  if (ui.json) ui.printJson({ device: names.shown(device), answer });
  else if (answer !== '') ui.print(answer);
}

function wordsOf(text: Uint8Array, key: Secret | undefined): TableArg[] {
  const words: TableArg[] = splitArgs(new TextDecoder('utf-8', { ignoreBOM: true }).decode(text));
  if (key) words[KEY] = key;
  return words;
}
