import type { IncomingMessage } from 'node:http';

/**
 * Whether a browser page of this origin may connect. Programs send no origin. A page of this server itself may; behind
 * a proxy that changes `Host`, its origin must be listed.
 */
export function isAllowedOrigin({ headers }: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
