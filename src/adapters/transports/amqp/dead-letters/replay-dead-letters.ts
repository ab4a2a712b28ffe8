import type { ConsumeMessage, Options } from 'amqplib';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { VOUCHED_USER_HEADER } from '../consume/incoming-command.js';
import { type AmqpMessage, ConfirmedChannel } from '../publish/confirmed-channel.js';
import { NotConfirmed } from '../publish/confirmed-publisher.js';
import { closeChannel } from '../publish/lazy-channel.js';
import { type DeadLetter, readLetter } from './dead-letter.js';
import { DeadLetterPass, LETTERS_HELD_MAX } from './dead-letter-pass.js';
import { carryOver, fitsShortString } from './republish-properties.js';

/** Bodies kept in memory while they wait for their turn; the rest goes back, for another pass. */
export const REPLAY_BODIES_MAX_BYTES = 64 * 1024 * 1024;
/** Letters published in one pass: RabbitMQ takes a channel away whose letters are held for half an hour. */
export const REPLAY_PASS_MAX_LETTERS = 10_000;
/** … and so that a slow pace does not hold them for longer than this. */
export const REPLAY_PASS_MAX_S = 600;
/** Newer letters that may come in between before a pass counts as full. */
const FRESH_LETTERS_MAX = 1_000;
/** Marks of a stay among the dead letters, Parley's and RabbitMQ's own; whom the broker had vouched for is none. */
const DEATH_MARKS = /^x-(parley-|death$|first-death-|last-death-)/;

export interface ReplayOrder {
  namespace: string;
  /** How many letters to go through, from the front of the queue. */
  most: number;
  /** How many to publish in one pass: `lettersPerPass`. */
  perPass: number;
  isMeant(letter: DeadLetter): boolean;
  /** Resolves when the next one may be published. */
  pace(): Promise<void>;
  onReplayed(): void;
  /** It stays: what it says cannot be put on the wire again. */
  onUnwritable(letter: DeadLetter): void;
}

/** `perSecond`: at what pace; null: as fast as it goes. */
export function lettersPerPass(perSecond: number | null): number {
  return Math.min(REPLAY_PASS_MAX_LETTERS, Math.ceil((perSecond ?? Number.POSITIVE_INFINITY) * REPLAY_PASS_MAX_S));
}

/** Why a letter cannot be published again; null: it can. `ownUser`: as whom the connection is logged in. */
export function obstacleToReplay(message: ConsumeMessage, letter: DeadLetter, ownUser: string): string | null {
  if (letter.routingKey === null) return 'nothing says what routing key it was published with';
  if (!fitsShortString(letter.routingKey)) return 'its routing key is too long';
  const { userId } = message.properties;
  // Put away by a worker it bears the worker's name, and only beside that name it is believed whom the broker had vouched for.
  if (typeof userId === 'string' && letter.worker !== null && userId !== ownUser)
    return `its user_id was checked by the broker, and only ${userId} can pass that on`;
  return null;
}

/**
 * Publishes the letters that are meant to the commands exchange again, each confirmed before it is acknowledged here: broken off in between
 * a letter is there twice and never lost, and a command has one effect however often it comes. The answer: how many were not reached.
 */
export async function replayDeadLetters(
  consuming: AmqpConnection,
  publishing: AmqpConnection,
  order: ReplayOrder,
): Promise<number> {
  const channel = await publishing.current().createConfirmChannel();
  // One message is under way at a time: whatever is returned is that one.
  const confirmed = new ConfirmedChannel(channel, () => ONE_AT_A_TIME);
  /** Looked at, and at the front of the queue again. */
  let kept = 0;
  let left = order.most;
  try {
    while (left > 0 && kept < LETTERS_HELD_MAX) {
      const pass = await DeadLetterPass.open(consuming, order.namespace);
      try {
        const { looked, fresh, batch } = await nextBatch(pass, kept, left, order, publishing.username);
        // What is missing is with another consumer.
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

/** How many have left the queue. */
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
 * The letters are known to have been delivered before, when they were looked through. What was not is newer, such as a command that was
 * replayed and came back: it is left alone, wherever it comes in between.
 */
async function nextBatch(
  pass: DeadLetterPass,
  kept: number,
  left: number,
  { isMeant, perPass }: ReplayOrder,
  ownUser: string,
): Promise<{ looked: number; fresh: number; batch: ConsumeMessage[] }> {
  const reach = kept + left;
  // What the last pass has held comes back a little later than its channel is closed.
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

/** The command as it was published, without its marks; an expiration that it had is not set again: whoever replays it wants it taken. */
function commandOf(message: ConsumeMessage, namespace: string, ownUser: string): AmqpMessage {
  const { properties } = carryOver(message, ownUser);
  const headers: Record<string, unknown> = properties.headers;
  const kept = Object.entries(headers).filter(([name]) => name === VOUCHED_USER_HEADER || !DEATH_MARKS.test(name));
  const options: Options.Publish = { ...properties, headers: Object.fromEntries(kept) };
  const routingKey = readLetter(message).routingKey ?? '';
  return { exchange: names.commands(namespace), routingKey, body: message.content, properties: options };
}

const ONE_AT_A_TIME = 'one';

/** Throws a `TypeError` or `RangeError`, without having published, where the properties cannot be put on the wire. */
async function publishConfirmed(confirmed: ConfirmedChannel, message: AmqpMessage): Promise<void> {
  const outcome = await confirmed.publishOne(message, ONE_AT_A_TIME);
  if (outcome !== 'confirmed') throw new NotConfirmed(message, outcome);
}
