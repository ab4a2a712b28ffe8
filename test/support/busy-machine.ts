import { cpus, loadavg } from 'node:os';

/**
 * Scales a time limit to the load of this machine: with more runnable processes than processors, everything takes
 * longer.
 */
export function onThisMachine(promisedMs: number): number {
  return promisedMs * Math.max(1, (loadavg()[0] ?? 0) / cpus().length);
}
