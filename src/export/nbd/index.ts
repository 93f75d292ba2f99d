export type { NbdExport } from './export.ts';
export { NbdServer, type NbdServerOptions, type NbdTlsOptions } from './server.ts';
