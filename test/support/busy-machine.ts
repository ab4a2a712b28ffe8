import { cpus, loadavg } from 'node:os';

/**
 * A time that is promised on a machine that is otherwise idle, on this one: where several times as many processes want
 * to run as there are processors, everything takes longer by that much.
 */
export function onThisMachine(promisedMs: number): number {
  return promisedMs * Math.max(1, (loadavg()[0] ?? 0) / cpus().length);
}
