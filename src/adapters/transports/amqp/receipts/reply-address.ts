import { names } from '../../../../contract/messages/topology.js';

const DIRECT_REPLY_PREFIX = 'amq.rabbitmq.reply-to.';
/** Version byte of Erlang's external term format, which RabbitMQ uses in a direct reply-to address. */
const TERM_VERSION = 131;
const PID_TAGS = [88, 103];
const WIDE_ATOM_TAG = 118;
const SHORT_ATOM_TAG = 119;
/** Bytes of a process id's numbers after the node's name, in the current format and in the previous one. */
const PID_NUMBERS_BYTES = [12, 9];
/** Every release of Erlang accepts a process's number and serial up to this value. Some accept larger ones. */
const EVERY_PID_NUMBER_MAX = 0x7fff;
const EVERY_PID_SERIAL_MAX = 0x1fff;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^[A-Za-z0-9+/]{2,3}={1,2}$/;

export type ReplyAddress =
  /** The reply queue of a REST process. */
  | { kind: 'rest' }
  /** A producer's queue. */
  | { kind: 'queue' }
  /**
   * RabbitMQ's direct reply-to. `origin` is the part that decides if the broker can read the address: the node, and
   * whether the process id is in the range of every Erlang release. The broker treats all addresses of one origin
   * alike.
   */
  | { kind: 'direct'; origin: string };

/**
 * The kind of a receipt's address. Null if the contract does not allow it: it is neither direct reply-to nor a queue
 * named `<namespace>.replies.*`.
 */
export function readReplyAddress(namespace: string, replyTo: string): ReplyAddress | null {
  if (replyTo.startsWith(DIRECT_REPLY_PREFIX)) {
    const origin = originOf(replyTo.slice(DIRECT_REPLY_PREFIX.length));
    return origin === null ? null : { kind: 'direct', origin };
  }
  if (replyTo.startsWith(names.restReplies(namespace))) return { kind: 'rest' };
  const queues = names.replies(namespace);
  return replyTo.startsWith(queues) && replyTo.length > queues.length ? { kind: 'queue' } : null;
}

/**
 * Parses `<base64 of an Erlang process id on node reply@<hash>>.<base64 key>`, the format of RabbitMQ 3.9 and later.
 * Null for anything else. RabbitMQ 3.10 does not check an address completely: if it is malformed, of an unknown node,
 * or has a number out of range, the broker ends the connection that publishes to it (541 INTERNAL_ERROR). A dead
 * process on a known node does not end it. On 4.0 no address does.
 */
function originOf(suffix: string): string | null {
  const [encodedPid, key, ...more] = suffix.split('.');
  if (encodedPid === undefined || key === undefined || more.length > 0) return null;
  if (!BASE64.test(encodedPid) || !BASE64.test(key)) return null;
  const pid = Buffer.from(encodedPid, 'base64');
  const [version, pidTag, atomTag] = pid;
  if (version !== TERM_VERSION || pidTag === undefined || !PID_TAGS.includes(pidTag)) return null;
  let start: number;
  let length: number;
  if (atomTag === WIDE_ATOM_TAG && pid.length >= 5) [start, length] = [5, pid.readUInt16BE(3)];
  else if (atomTag === SHORT_ATOM_TAG && pid.length >= 4) [start, length] = [4, pid.readUInt8(3)];
  else return null;
  const numbers = start + length;
  if (!PID_NUMBERS_BYTES.includes(pid.length - numbers)) return null;
  const node = pid.toString('latin1', start, numbers);
  if (!/^reply@\d{1,9}$/.test(node)) return null;
  const isInEveryRange =
    pid.readUInt32BE(numbers) <= EVERY_PID_NUMBER_MAX && pid.readUInt32BE(numbers + 4) <= EVERY_PID_SERIAL_MAX;
  return isInEveryRange ? node : `${node} wide`;
}
