/** Implementation limits of a connection, whichever way its requests travel. */

/** Requests under way. */
export const MAX_REQUESTS = 1024;
/** Bytes held for requests under way and replies not yet sent; no request is started above it. */
export const MAX_BYTES = 64 * 1024 * 1024;
/** After so many bytes served inline other connections get a turn. */
export const TURN_BYTES = 4 * 1024 * 1024;
/** What a request costs beside its payload, in bytes of that turn. */
export const REQUEST_COST = 1024;
/** How long the last replies may take to reach a client when the connection is being closed (milliseconds). */
export const FAREWELL_TIMEOUT = 5_000;
