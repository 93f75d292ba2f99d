export { type ErrorCode, TscryptError } from './errors.ts';
