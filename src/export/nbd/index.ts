export { type NbdExport, NbdServer, type NbdServerOptions, type NbdTlsOptions } from './server.ts';
