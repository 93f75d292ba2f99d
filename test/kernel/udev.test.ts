import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requires } from '../suites/requires.ts';
import { ROOT } from '../suites/tools.ts';
import { runInKernel } from './harness/harness.ts';

const SYS = join(ROOT, 'dist/sys/index.js');

/** A rule that takes its time: whoever does not wait for it comes too early. */
const SCRIPT = `
set -euo pipefail
mkdir -p /run/udev/rules.d
cat > /run/udev/rules.d/59-slow.rules <<'EOF'
KERNEL=="loop0", PROGRAM="/bin/sleep 1"
EOF
cat > /run/wait.mjs <<'EOF'
import { existsSync } from 'node:fs';
import { waitForUdev } from '${SYS}';
const link = '/dev/disk/by-uuid/6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const before = existsSync(link);
const patience = Number(process.argv[2]);
console.log(before, await waitForUdev({ major: 7, minor: 0 }, { patience }), existsSync(link));
EOF
echo "without udev: $(node /run/wait.mjs 5000)"
/lib/systemd/systemd-udevd --daemon
truncate -s 8M /run/image
mkfs.ext4 -q -U 6ba7b810-9dad-11d1-80b4-00c04fd430c8 /run/image
losetup /dev/loop0 /run/image
echo "impatient: $(node /run/wait.mjs 0)"
echo "patient: $(node /run/wait.mjs 30000)"
`;

describe.skipIf(!requires('uml', 'build', 'mkfs.ext4', 'udevadm'))('a kernel with udev', () => {
  it('has the links to a device when waiting for udev ends', async () => {
    const result = await runInKernel(SCRIPT);
    expect(result, result.stderr).toMatchObject({ status: 0 });
    expect(result.stdout.trim().split('\n')).toEqual([
      'without udev: false absent false',
      'impatient: false late false',
      'patient: false done true',
    ]);
  });
});
