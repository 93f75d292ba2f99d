/** The daemon with an exporter for these tests; bundled by the harness. */
import { beginProgram } from '../../../src/daemon/program.ts';
import { runDaemon } from '../../../src/daemon/run.ts';
import { socketExporter } from './socket-exporter.ts';

beginProgram();
process.exit(await runDaemon({ exporters: [socketExporter] }));
