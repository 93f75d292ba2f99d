let last: Promise<unknown> = Promise.resolve();

/**
 * Runs operations on devices that this process serves itself one after another. Each holds a thread of the pool until
 * we have served what it waits for; were they all held, nothing that needs one could be served any more.
 */
export function inTurn<T>(operation: () => Promise<T>): Promise<T> {
  const result = last.then(operation);
  last = result.catch(() => {});
  return result;
}
