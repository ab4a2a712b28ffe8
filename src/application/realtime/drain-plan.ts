/** A drain closes no faster than this, so that with few connections it is short. */
const CLOSE_MS_PER_CONNECTION = 20;
/** At this pace other gateways take the clients: 200 per second, with their walks. */
const RETURN_MS_PER_CONNECTION = 5;
/** Clients that are closed at the same moment do not come back at the same moment. */
const RETURN_SPREAD_MIN_MS = 1_000;

export interface DrainPlan {
  /** Connections are closed over this time. */
  closeOverMs: number;
  /** A client comes back after a random time up to this one. */
  returnWithinMs: number;
}

/**
 * How a stopping gateway sends its clients away, so that others need not take all of them at once. The closings are
 * spread already, so a client is away for about a second, unless `drainMs` is short for so many connections.
 */
export function drainPlan(connections: number, drainMs: number): DrainPlan {
  const closeOverMs = Math.min(drainMs, connections * CLOSE_MS_PER_CONNECTION);
  const returnMs = connections * RETURN_MS_PER_CONNECTION;
  const leastMs = Math.min(RETURN_SPREAD_MIN_MS, returnMs);
  return { closeOverMs, returnWithinMs: Math.max(leastMs, returnMs - closeOverMs) };
}
