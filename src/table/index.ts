export { formatTable, formatTableLine, quoteArg, type TablePrintOptions } from './format.ts';
export { parseTable, parseTableLine, splitArgs } from './parse.ts';
export { disposeTable, hideKeys } from './secrets.ts';
export type { TableArg, TableLine, TableSpec } from './spec.ts';
