import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFile } from '../../src/block/file.ts';
import { isErrorCode, TscryptError } from '../../src/errors.ts';
import { fuseExporter } from '../../src/export/fuse/index.ts';
import type { AttachOptions, KernelExport, KernelExportState } from '../../src/export/kernel-export.ts';
import { nbdExporter } from '../../src/export/kernel-nbd/index.ts';
import { serveNbdConnection } from '../../src/export/nbd/index.ts';
import { type QueueJob, type QueueRun, serveHere } from '../../src/export/queue-threads.ts';

/**
 * A process that serves a file as a device of the kernel, for tests that kill it and for kernels in which no test runs
 * itself.
 *
 *     node program.mjs KIND FILE DIRECTORY [recover | remove | cycles=N] [identifier=ID] [readOnly]
 *
 * DIRECTORY/state.json is there when it serves. SIGTERM detaches (exit status 0, or the error's code on standard output
 * and on it goes), SIGQUIT detaches with force, SIGHUP takes the file's size, SIGUSR2 leaves the device to a successor,
 * SIGURG ends the last connection as if it had broken, SIGWINCH says on standard output whether it is in use, and what it has served.
 */
const [kind, path, directory, ...words] = process.argv.slice(2) as [string, string, string, ...string[]];
const exporters = { fuse: fuseExporter, nbd: nbdExporter };
const exporter = exporters[kind as keyof typeof exporters];
const stateFile = join(directory, 'state.json');
const option = (name: string): string | undefined =>
  words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
const readOnly = words.includes('readOnly');
const device = await openFile(path, { readOnly });
const absent: QueueJob<never> = () => Promise.reject(new Error('not in this test'));
const here = serveHere(device, { nbd: serveNbdConnection, ublk: absent });
const runs: QueueRun[] = [];
const options: AttachOptions = {
  name: 'disk',
  readOnly,
  directory,
  queues: {
    count: here.count,
    start: async (...job) => {
      const run = await here.start(...job);
      runs.push(run);
      return run;
    },
  },
  identifier: option('identifier') ?? 'the-same',
  log: (error) => console.error(error),
};

function state(): KernelExportState {
  return JSON.parse(readFileSync(stateFile, 'utf8')) as KernelExportState;
}

function say(text: string): void {
  writeFileSync(1, `${text}\n`);
}

function code(error: unknown): string {
  if (error instanceof TscryptError && isErrorCode(error.code)) return error.code;
  console.error(error);
  return 'UNEXPECTED';
}

/** Runs one action after the other, and says what it met. */
let last: Promise<unknown> = Promise.resolve();
function attempt(action: () => Promise<unknown>): void {
  last = last.then(action).catch((error) => say(code(error)));
}

async function serve(made: KernelExport): Promise<void> {
  writeFileSync(`${stateFile}.new`, JSON.stringify(made.state));
  renameSync(`${stateFile}.new`, stateFile);
  process.on('SIGTERM', () => attempt(() => made.detach()));
  process.on('SIGQUIT', () => attempt(() => made.detach({ force: true })));
  process.on('SIGUSR2', () => attempt(async () => await made.leave?.()));
  process.on('SIGURG', () =>
    attempt(async () => {
      await runs.at(-1)?.stop();
      say('cut');
    }),
  );
  process.on('SIGHUP', () =>
    attempt(async () => {
      const grown = await openFile(path);
      await made.resize(grown.size);
      await grown.close();
      say('resized');
    }),
  );
  process.on('SIGWINCH', () =>
    attempt(async () => say(JSON.stringify({ inUse: await made.inUse(), ...(await made.counters()) }))),
  );
  await made.ended;
  say('ended');
  await device.close();
  process.exit(0);
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

try {
  if (words.includes('remove')) {
    await exporter.remove(state());
    process.exit(0);
  }
  const cycles = Number(option('cycles') ?? 0);
  if (cycles > 0) {
    await (await exporter.attach(device, options)).detach();
    const before = openDescriptors();
    for (let cycle = 0; cycle < cycles; cycle++) {
      const made = await exporter.attach(device, options);
      await made.detach();
      await made.ended;
    }
    say(`${cycles} cycles, ${openDescriptors() - before} descriptors more`);
    process.exit(0);
  }
  const made = words.includes('recover')
    ? await exporter.recover?.(device, state(), options)
    : await exporter.attach(device, options);
  if (made) await serve(made);
} catch (error) {
  say(code(error));
  process.exit(1);
}
