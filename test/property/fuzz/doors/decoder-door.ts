/** The decoder of messages: from the client library's object to one of three outcomes. */

import { toIncomingCommand } from '../../../../src/adapters/transports/amqp/consume/incoming-command.js';
import { republishProperties } from '../../../../src/adapters/transports/amqp/dead-letters/republish-properties.js';
import { readReplyAddress } from '../../../../src/adapters/transports/amqp/receipts/reply-address.js';
import { traceContextOf } from '../../../../src/application/runtime/trace-context.js';
import { CONTENT_HASH_DIGITS } from '../../../../src/contract/messages/content-hash.js';
import { type Decoded, decodeCommand } from '../../../../src/contract/messages/decode-command.js';
import { USER_ID_PATTERN } from '../../../../src/contract/messages/identifiers.js';
import { receipt } from '../../../../src/contract/messages/receipts.js';
import { isStorableText } from '../../../../src/contract/messages/text.js';
import { leastCpuMs } from '../../../unit/contract/decoding/cpu-time.js';
import { asDelivered, type HostileMessage, hostileMessage } from '../hostile-messages.js';
import { STALL_MS } from '../watch.js';
import { refusedBySchema } from './answer-oracle.js';
import { type Door, Finding } from './door.js';

const TRIES = 3;
const OWN_USER = 'guest';
/** Lone surrogates and U+0000, as in JSON. */
const UNSTORABLE_IN_JSON = /\\u0000|\\ud[89a-f]/;

function compared(decoded: Decoded, { content, properties }: HostileMessage): string {
  if (decoded.outcome === 'malformed') return 'dead letter';
  if (decoded.contentHash.length !== CONTENT_HASH_DIGITS) throw new Finding('the content has no hash');
  if (decoded.outcome === 'command') {
    const why = refusedBySchema(properties.type, content);
    if (why !== null) throw new Finding(`accepted, though the schema refuses it: ${why}`);
    if (JSON.stringify(decoded.command).match(UNSTORABLE_IN_JSON)) throw new Finding('accepted with unstorable text');
    return 'accepted';
  }
  const { identity, reason } = decoded;
  const { actorId, ...named } = identity;
  const rest = { messageId: null, sequence: null, at: '', decisionId: null, replayed: false };
  const answer = { ...named, ...rest, status: 'rejected', reason };
  if (!USER_ID_PATTERN.test(actorId) || !receipt.strict().safeParse(answer).success)
    throw new Finding(`refused with what is no receipt: ${JSON.stringify(answer)}`);
  const json = JSON.stringify(answer);
  if (!isStorableText(json) || UNSTORABLE_IN_JSON.test(json))
    throw new Finding(`refused with unstorable text: ${json}`);
  return `rejected ${reason.code}`;
}

function take(message: HostileMessage): string {
  const delivered = asDelivered(message);
  const began = performance.now();
  const incoming = toIncomingCommand(delivered, OWN_USER);
  const decoded = decodeCommand(incoming);
  readReplyAddress('chat', incoming.replyTo ?? '');
  traceContextOf(incoming.headers);
  republishProperties(delivered, OWN_USER);
  if (performance.now() - began > STALL_MS && leastCpuMs(TRIES, () => decodeCommand(incoming), STALL_MS) > STALL_MS)
    throw new Finding(`took more than ${STALL_MS} ms to read, every time`);
  return compared(decoded, message);
}

export const decoderDoor: Door<HostileMessage> = {
  name: 'decoder',
  input: hostileMessage,
  together: 100,
  perOpening: 10_000,
  watchesStalls: false,
  open: async () => ({ take: async (inputs) => inputs.map(take), close: async () => undefined }),
};
