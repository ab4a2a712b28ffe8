/** A bot that answers each message: webhook in, REST out (docs/bots.md). Settings: the variables below. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';

const { WEBHOOK_SECRET = '', PARLEY_KEY = '', BOT_ID = '', PORT = '3000' } = process.env;
const API = process.env.PARLEY_URL ?? 'http://127.0.0.1:8002';
const TOLERANCE_SECONDS = 300;

/** Standard Webhooks: any of the signatures, over id, time and body. An old request may be a replay of a stranger. */
function isSigned(headers: IncomingHttpHeaders, body: Buffer): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures = '' } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) < TOLERANCE_SECONDS)) return false;
  const key = Buffer.from(WEBHOOK_SECRET.replace('whsec_', ''), 'base64');
  const digest = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  const expected = Buffer.from(`v1,${digest}`);
  return String(signatures)
    .split(' ')
    .map((given) => Buffer.from(given))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}

/** The status for Parley: 2xx is done; 5xx comes again. The key makes a repeated answer harmless. */
async function handle(headers: IncomingHttpHeaders, body: Buffer): Promise<number> {
  if (!isSigned(headers, body)) return 401;
  const { id, type, data } = JSON.parse(body.toString());
  if (type !== 'message.created' || data.senderId === BOT_ID || data.body === null) return 204;
  const answer = await fetch(`${API}/v1/chats/${data.chatId}/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${PARLEY_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': `answer:${id.replace('/', ':')}`,
    },
    body: JSON.stringify({ body: `You said: ${data.body}`, inReplyTo: data.messageId }),
  });
  return answer.ok || answer.status === 403 || answer.status === 404 ? 204 : 503;
}

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  response.writeHead(await handle(request.headers, body).catch(() => 503)).end();
}).listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${PORT}`));
