import { historicalServiceTime } from './historical-service-time.ts';
import { ioAffinity } from './io-affinity.ts';
import { queueLength } from './queue-length.ts';
import { roundRobin } from './round-robin.ts';
import type { SelectorType } from './selector.ts';
import { serviceTime } from './service-time.ts';

/** Every path selector, by its name in tables. Adding one is a file and a line here. */
export const selectorTypes: ReadonlyMap<string, SelectorType> = new Map(
  [historicalServiceTime, ioAffinity, queueLength, roundRobin, serviceTime].map((type) => [type.name, type]),
);
