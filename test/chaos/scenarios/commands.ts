import { names } from '../../../src/contract/messages/topology.js';
import { onChannel } from '../../support/broker/broker-session.js';
import { eventually } from '../../support/eventually.js';
import { Producer } from '../../support/fleet/producer.js';
import { type FleetHarness, WITHIN_MS } from '../fleet-harness.js';
import type { Scenario } from './scenario.js';

const POISONS = 3;
const SAME_IDS = 40;
/** Another fault at the same time may lose receipts, or a queue with its messages. */
const ASK_EVERY_MS = 3_000;

export const sameId: Scenario = {
  name: 'same-id',
  row: 'the same command id at the same time, the same id with other content',
  what: `${SAME_IDS} commands from two producers at the same time, then with other content (conflict)`,
  async play(harness, round) {
    const { fleet } = harness;
    const connect = () => Producer.connect(fleet.amqpUrl, fleet.namespace, fleet.ledger);
    const other = await connect();
    // The producer with other content gets only its own receipts: repeats of the others may still be in flight.
    const third = await connect();
    try {
      const commands = Array.from({ length: SAME_IDS }, (_, number) => {
        const { chatId, users } = harness.chats[number % harness.chats.length] ?? { chatId: '', users: [] };
        const commandId = `same-${round}-${number}`;
        return { type: 'message.send', commandId, actorId: users[0] ?? '', chatId, data: { body: 'the same' } };
      });
      const both = commands.flatMap((command) => [
        fleet.producer.request(command, WITHIN_MS, ASK_EVERY_MS),
        other.request(command, WITHIN_MS, ASK_EVERY_MS),
      ]);
      const receipts = await Promise.all(both);
      const sequences = new Map<string, Set<number | null>>();
      for (const { commandId, status, sequence } of receipts) {
        if (status !== 'accepted') throw new Error(`${commandId} was ${status}`);
        sequences.set(commandId, (sequences.get(commandId) ?? new Set()).add(sequence));
      }
      for (const [commandId, different] of sequences)
        if (different.size > 1) throw new Error(`${commandId} took effect ${different.size} times`);
      const changed = commands.map((command) => ({ ...command, data: { body: 'something else' } }));
      const answers = await Promise.all(changed.map((command) => third.request(command, WITHIN_MS, ASK_EVERY_MS)));
      const wrong = answers.find(({ status, reason }) => status !== 'rejected' || reason?.code !== 'conflict');
      if (wrong !== undefined) throw new Error(`other content was answered ${JSON.stringify(wrong)}`);
    } finally {
      await Promise.all([other.close(), third.close()]);
    }
  },
};

/** Each in one of the chats, by its number. */
interface Poison {
  number: number;
  commandId: string;
}

/** Messages of one text are refused by a trigger, from the first call on; no more than that is known of them. */
export async function poisonBuried(harness: FleetHarness, poisons: readonly Poison[]): Promise<void> {
  const { fleet } = harness;
  await fleet.query(`
    CREATE OR REPLACE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.body = 'poison' THEN RAISE EXCEPTION 'planted'; END IF;
        RETURN NEW;
      END $$;
    CREATE OR REPLACE TRIGGER refuse_poison BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
  const goal = (await deadLetters(harness)) + poisons.length;
  for (const { number, commandId } of poisons) {
    const chat = harness.chats[number % harness.chats.length];
    const body = { actorId: chat?.users[0], chatId: chat?.chatId, data: { body: 'poison' } };
    await fleet.producer.publishRaw(Buffer.from(JSON.stringify(body)), {
      type: 'message.send',
      messageId: commandId,
      routingKey: chat?.chatId ?? '',
    });
  }
  const deadLettered = async () => (await deadLetters(harness)) >= goal;
  await eventually(deadLettered, { within: WITHIN_MS, what: 'each of them is a dead letter' });
}

async function deadLetters({ fleet }: FleetHarness): Promise<number> {
  const queue = names.deadLetters(fleet.namespace);
  return (await onChannel(fleet.amqpUrl, (channel) => channel.checkQueue(queue))).messageCount;
}

export const commands: Scenario[] = [
  sameId,
  {
    name: 'poison',
    row: 'poison command in a batch',
    what: `a trigger raises an error for ${POISONS} commands: each becomes a dead letter, and their neighbours are accepted once`,
    harness: { chats: 48 },
    async play(harness, round) {
      const poisons = Array.from({ length: POISONS }, (_, index) => ({
        number: round + index * 7,
        commandId: `poison-${round}-${index}`,
      }));
      await poisonBuried(harness, poisons);
      await harness.flows();
      const count = await deadLetters(harness);
      if (count !== (round + 1) * POISONS) throw new Error(`${count} dead letters`);
    },
  },
];
