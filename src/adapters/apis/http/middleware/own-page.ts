/** For pages of `dev` that get a token without a sign-in: only the page itself may ask for it. */
import type { Request } from 'express';

const LOOPBACK_ADDRESS = /^(127\.|::1$|::ffff:127\.)/;
/** An attacker can make other host names resolve to this machine (DNS rebinding). */
const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * Whether the request comes from this machine, to a loopback host name, and from a page of this server. A page of
 * another origin needs a CORS preflight to send JSON, and does not get permission.
 */
export function isFromOwnPage(request: Request): boolean {
  const { host = '', origin = `http://${host}`, 'content-type': contentType } = request.headers;
  return (
    LOOPBACK_ADDRESS.test(request.socket.remoteAddress ?? '') &&
    LOOPBACK_HOST.test(host) &&
    origin === `http://${host}` &&
    contentType === 'application/json'
  );
}
