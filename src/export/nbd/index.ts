export type { NbdExport } from './export.ts';
export { NbdServer, type NbdServerOptions, type NbdTlsOptions } from './server.ts';
export { type NbdConnectionParameters, serveNbdConnection } from './socket/job.ts';
