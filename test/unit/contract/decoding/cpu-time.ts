/**
 * Milliseconds of processor time that a call takes: a busy machine does not make it longer, as it would by the clock.
 */
export function cpuMs(call: () => unknown): number {
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * The least of a few tries, the first of which pay for compilation and garbage; no more than are needed to come below
 * `enough`.
 */
export function leastCpuMs(tries: number, call: () => unknown, enough = 0): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < tries && least > enough; i += 1) least = Math.min(least, cpuMs(call));
  return least;
}
