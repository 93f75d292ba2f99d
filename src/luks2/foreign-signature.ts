import type { BlockDevice } from '../block/index.ts';
import { readBytes } from './block-io.ts';

interface Signature {
  readonly name: string;
  /** Bytes from the start of the device. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const signature = (name: string, offset: number, bytes: string): Signature => ({
  name,
  offset,
  bytes: Buffer.from(bytes, 'latin1'),
});

/** How other formats are recognised: the magic numbers of their own specifications. */
const SIGNATURES: readonly Signature[] = [
  signature('LUKS1', 0, 'LUKS\xba\xbe\0\x01'),
  signature('XFS', 0, 'XFSB'),
  signature('squashfs', 0, 'hsqs'),
  signature('dm-verity', 0, 'verity\0\0'),
  signature('dm-integrity', 0, 'integrt\0'),
  signature('NTFS', 3, 'NTFS    '),
  signature('exFAT', 3, 'EXFAT   '),
  signature('BitLocker', 3, '-FVE-FS-'),
  signature('partition table or FAT', 510, '\x55\xaa'),
  signature('GPT', 512, 'EFI PART'),
  signature('LVM2', 0, 'LABELONE'),
  signature('LVM2', 512, 'LABELONE'),
  signature('LVM2', 1024, 'LABELONE'),
  signature('LVM2', 1536, 'LABELONE'),
  signature('md', 0, '\xfc\x4e\x2b\xa9'),
  signature('md', 4096, '\xfc\x4e\x2b\xa9'),
  signature('F2FS', 1024, '\x10\x20\xf5\xf2'),
  signature('EROFS', 1024, '\xe2\xe1\xf5\xe0'),
  signature('ext2/3/4', 1080, '\x53\xef'),
  signature('swap', 4086, 'SWAPSPACE2'),
  signature('swap', 4086, 'SWAP-SPACE'),
  signature('JFS', 32768, 'JFS1'),
  signature('ISO 9660', 32769, 'CD001'),
  signature('ReiserFS', 65588, 'ReIsEr'),
  signature('Btrfs', 65600, '_BHRfS_M'),
];

/** The format that somebody has put over what may once have been a LUKS2 device; undefined: none known here. */
export async function foreignSignature(device: BlockDevice): Promise<string | undefined> {
  for (const { name, offset, bytes } of SIGNATURES) {
    if (offset + bytes.length > device.size) continue;
    if (Buffer.compare(await readBytes(device, offset, bytes.length), bytes) === 0) return name;
  }
  return undefined;
}
