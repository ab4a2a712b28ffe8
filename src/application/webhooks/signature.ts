/** Standard Webhooks (https://www.standardwebhooks.com): how a delivery is signed. */
import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
/** The specification demands 24 to 64 bytes. */
const SECRET_BYTES = 32;

export function newSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/** The headers of one attempt. Each secret adds a signature, so that a receiver may know either during a rotation. */
export function signedHeaders(
  eventId: string,
  at: Date,
  body: Buffer,
  secrets: readonly string[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    const signed = createHmac('sha256', key).update(`${eventId}.${timestamp}.`).update(body).digest('base64');
    return `v1,${signed}`;
  });
  return { 'webhook-id': eventId, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
