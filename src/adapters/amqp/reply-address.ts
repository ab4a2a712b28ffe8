import { names } from '../../contract/topology.js';

const DIRECT_REPLY_PREFIX = 'amq.rabbitmq.reply-to.';
/** Erlang's external term format: what RabbitMQ packs into a direct reply-to address. */
const TERM_VERSION = 131;
const PID_TAGS = [88, 103];
const WIDE_ATOM_TAG = 118;
const SHORT_ATOM_TAG = 119;
/** A process id's numbers after the node's name, in today's form and in the one before. */
const PID_NUMBERS_BYTES = [12, 9];
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^[A-Za-z0-9+/]{2,3}={1,2}$/;

/** Whether the contract lets a receipt go there: RabbitMQ's direct reply-to, or a queue named `<namespace>.replies.*`. */
export function isReplyAddress(namespace: string, replyTo: string): boolean {
  const queues = names.replies(namespace);
  if (replyTo.startsWith(queues)) return replyTo.length > queues.length;
  return isDirectReplyAddress(replyTo) && isWellFormed(replyTo.slice(DIRECT_REPLY_PREFIX.length));
}

export function isDirectReplyAddress(replyTo: string): boolean {
  return replyTo.startsWith(DIRECT_REPLY_PREFIX);
}

/**
 * `<base64 of an Erlang process id on node reply@<hash>>.<base64 key>`, as RabbitMQ 3.9 and later write it. It is looked at this closely
 * because RabbitMQ 3.10 does not: publishing to a mangled one ends the publisher's whole connection (541 INTERNAL_ERROR), so any
 * producer could cut off ours by its `reply_to`.
 */
function isWellFormed(suffix: string): boolean {
  const [encodedPid, key, ...more] = suffix.split('.');
  if (encodedPid === undefined || key === undefined || more.length > 0) return false;
  if (!BASE64.test(encodedPid) || !BASE64.test(key)) return false;
  const pid = Buffer.from(encodedPid, 'base64');
  const [version, pidTag, atomTag] = pid;
  if (version !== TERM_VERSION || pidTag === undefined || !PID_TAGS.includes(pidTag)) return false;
  let start: number;
  let length: number;
  if (atomTag === WIDE_ATOM_TAG && pid.length >= 5) [start, length] = [5, pid.readUInt16BE(3)];
  else if (atomTag === SHORT_ATOM_TAG && pid.length >= 4) [start, length] = [4, pid.readUInt8(3)];
  else return false;
  return (
    PID_NUMBERS_BYTES.includes(pid.length - start - length) &&
    /^reply@\d{1,9}$/.test(pid.toString('latin1', start, start + length))
  );
}
