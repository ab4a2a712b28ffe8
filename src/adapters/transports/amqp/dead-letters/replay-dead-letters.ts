import type { ConsumeMessage, Options } from 'amqplib';
import type { DeadLetter, LetterReplay } from '../../../../application/ports/transport/dead-letter-queue.js';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { VERIFIED_USER_HEADER } from '../consume/incoming-command.js';
import { type AmqpMessage, ConfirmedChannel } from '../publish/confirmed-channel.js';
import { NotConfirmed } from '../publish/confirmed-publisher.js';
import { closeChannel } from '../publish/lazy-channel.js';
import { readLetter } from './dead-letter.js';
import { DeadLetterPass, LETTERS_HELD_MAX } from './dead-letter-pass.js';
import { fitsShortString, republishProperties } from './republish-properties.js';

/** Maximum bytes of bodies that wait in memory. Other letters are requeued for another pass. */
export const REPLAY_BODIES_MAX_BYTES = 64 * 1024 * 1024;
/**
 * Maximum number of letters published in one pass: RabbitMQ closes a channel whose deliveries stay unacknowledged for
 * half an hour.
 */
export const REPLAY_PASS_MAX_LETTERS = 10_000;
/** Maximum duration of a pass at a slow pace, for the same reason. */
export const REPLAY_PASS_MAX_S = 600;
/** A pass counts as full only with this many newer letters in between. */
const FRESH_LETTERS_MAX = 1_000;
/**
 * Headers about an earlier dead-lettering, from Parley or RabbitMQ. The header with the verified user is not one of
 * them.
 */
const DEATH_MARKS = /^x-(parley-|death$|first-death-|last-death-)/;

export interface ReplayOrder extends Omit<LetterReplay, 'perSecond'> {
  namespace: string;
  /** Maximum number of letters to publish in one pass: see `lettersPerPass`. */
  perPass: number;
}

/** `perSecond` is the pace. Null means no limit. */
export function lettersPerPass(perSecond: number | null): number {
  return Math.min(REPLAY_PASS_MAX_LETTERS, Math.ceil((perSecond ?? Number.POSITIVE_INFINITY) * REPLAY_PASS_MAX_S));
}

/** Why a letter cannot be published again. Null if it can. `ownUser` is the user of the connection. */
export function obstacleToReplay(message: ConsumeMessage, letter: DeadLetter, ownUser: string): string | null {
  if (letter.routingKey === null) return 'nothing says what routing key it was published with';
  if (!fitsShortString(letter.routingKey)) return 'its routing key is too long';
  const { userId } = message.properties;
  // A letter from a worker has the worker's user, and the verified user is trusted only beside our own user.
  if (typeof userId === 'string' && letter.worker !== null && userId !== ownUser)
    return `its user_id was checked by the broker, and only ${userId} can pass that on`;
  return null;
}

/**
 * Publishes the selected letters to the commands exchange again. Each is confirmed before it is acknowledged here. If
 * this is interrupted in between, a letter exists twice but is never lost, and a repeated command has one effect.
 * Returns the number of letters that were not reached.
 */
export async function replayDeadLetters(
  consuming: AmqpConnection,
  publishing: AmqpConnection,
  order: ReplayOrder,
): Promise<number> {
  const channel = await publishing.current().createConfirmChannel();
  // Only one message is in flight, so a return always belongs to it.
  const confirmed = new ConfirmedChannel(channel, () => ONE_AT_A_TIME);
  /** Letters that were read and are at the front of the queue again. */
  let kept = 0;
  let left = order.most;
  try {
    while (left > 0 && kept < LETTERS_HELD_MAX) {
      const pass = await DeadLetterPass.open(consuming, order.namespace);
      try {
        const { looked, fresh, batch } = await nextBatch(pass, kept, left, order, publishing.username);
        // The missing letters are with another consumer.
        if (looked === 0) break;
        kept += fresh + looked - (await settle(batch, pass, confirmed, order, publishing.username));
        left -= looked;
      } finally {
        await pass.close();
      }
    }
    return left;
  } finally {
    await closeChannel(channel);
  }
}

/** Returns how many letters left the queue. */
async function settle(
  batch: readonly ConsumeMessage[],
  pass: DeadLetterPass,
  confirmed: ConfirmedChannel,
  order: ReplayOrder,
  ownUser: string,
): Promise<number> {
  let acknowledged = 0;
  for (const message of batch) {
    await order.pace();
    pass.throwIfEnded();
    try {
      await publishConfirmed(confirmed, commandOf(message, order.namespace, ownUser));
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
      order.onUnwritable(readLetter(message));
      continue;
    }
    pass.acknowledge(message.fields.deliveryTag);
    acknowledged += 1;
    order.onReplayed();
  }
  return acknowledged;
}

/**
 * The selected letters were delivered before, when they were browsed. A letter without redelivery is newer, for example
 * a command that was replayed and dead-lettered again. It is skipped wherever it occurs.
 */
async function nextBatch(
  pass: DeadLetterPass,
  kept: number,
  left: number,
  { isMeant, perPass }: ReplayOrder,
  ownUser: string,
): Promise<{ looked: number; fresh: number; batch: ConsumeMessage[] }> {
  const reach = kept + left;
  // The broker requeues the letters of the last pass shortly after its channel closed.
  await pass.untilReady(Math.min(reach, LETTERS_HELD_MAX));
  const batch: ConsumeMessage[] = [];
  let bytes = 0;
  let place = 0;
  let fresh = 0;
  await pass.read(Math.min(reach + FRESH_LETTERS_MAX, LETTERS_HELD_MAX), (message) => {
    if (!message.fields.redelivered) {
      fresh += 1;
      return true;
    }
    place += 1;
    if (place <= kept) return true;
    const letter = readLetter(message);
    if (isMeant(letter) && obstacleToReplay(message, letter, ownUser) === null) {
      batch.push(message);
      bytes += message.content.length;
    }
    return place < reach && bytes < REPLAY_BODIES_MAX_BYTES && batch.length < perPass;
  });
  return { looked: Math.max(0, place - kept), fresh, batch };
}

/**
 * The command as first published, without the dead-letter headers. Its expiration is not set again, because the
 * operator wants it to be processed.
 */
function commandOf(message: ConsumeMessage, namespace: string, ownUser: string): AmqpMessage {
  const { properties } = republishProperties(message, ownUser);
  const headers: Record<string, unknown> = properties.headers;
  const kept = Object.entries(headers).filter(([name]) => name === VERIFIED_USER_HEADER || !DEATH_MARKS.test(name));
  const options: Options.Publish = { ...properties, headers: Object.fromEntries(kept) };
  const routingKey = readLetter(message).routingKey ?? '';
  return { exchange: names.commands(namespace), routingKey, body: message.content, properties: options };
}

const ONE_AT_A_TIME = 'one';

/** Throws a `TypeError` or `RangeError`, without publishing, if the properties cannot be encoded. */
async function publishConfirmed(confirmed: ConfirmedChannel, message: AmqpMessage): Promise<void> {
  const outcome = await confirmed.publishOne(message, ONE_AT_A_TIME);
  if (outcome !== 'confirmed') throw new NotConfirmed(message, outcome);
}
