import amqp from 'amqplib';
import { names } from '../../../src/contract/topology.js';
import { Producer } from '../../support/broker-client.js';
import { eventually } from '../../support/eventually.js';
import { WITHIN_MS } from '../stage.js';
import type { Scenario } from './scenario.js';

const POISONS = 3;
const SAME_IDS = 40;

export const sameId: Scenario = {
  name: 'same-id',
  row: 'same id at once; same id with other content',
  what: `${SAME_IDS} commands by two producers at once, then with other content: conflict`,
  async play(stage, round) {
    const { fleet } = stage;
    const other = await Producer.connect(fleet.amqpUrl, fleet.namespace, fleet.ledger);
    try {
      const commands = Array.from({ length: SAME_IDS }, (_, number) => {
        const { chatId, users } = stage.chats[number % stage.chats.length] ?? { chatId: '', users: [] };
        const commandId = `same-${round}-${number}`;
        return { type: 'message.send', commandId, actorId: users[0] ?? '', chatId, data: { body: 'the same' } };
      });
      const both = commands.flatMap((command) => [
        fleet.producer.request(command, WITHIN_MS),
        other.request(command, WITHIN_MS),
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
      const answers = await Promise.all(changed.map((command) => other.request(command, WITHIN_MS)));
      const wrong = answers.find(({ status, reason }) => status !== 'rejected' || reason?.code !== 'conflict');
      if (wrong !== undefined) throw new Error(`other content was answered ${JSON.stringify(wrong)}`);
    } finally {
      await other.close();
    }
  },
};

export const commands: Scenario[] = [
  sameId,
  {
    name: 'poison',
    row: 'poison command in a batch',
    what: `${POISONS} commands among the others for which a trigger raises: each a dead letter, their neighbours accepted once`,
    stage: { chats: 48 },
    async play(stage, round) {
      const { fleet } = stage;
      if (round === 0)
        await fleet.query(`
          CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF NEW.body = 'poison' THEN RAISE EXCEPTION 'planted'; END IF;
              RETURN NEW;
            END $$;
          CREATE TRIGGER refuse_poison BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
      for (let number = 0; number < POISONS; number += 1) {
        const chat = stage.chats[(round + number * 7) % stage.chats.length];
        const body = { actorId: chat?.users[0], chatId: chat?.chatId, data: { body: 'poison' } };
        await fleet.producer.publishRaw(Buffer.from(JSON.stringify(body)), {
          type: 'message.send',
          messageId: `poison-${round}-${number}`,
          routingKey: chat?.chatId ?? '',
        });
      }
      const connection = await amqp.connect(fleet.amqpUrl);
      try {
        const channel = await connection.createChannel();
        const buried = async () => {
          const { messageCount } = await channel.checkQueue(names.deadLetters(fleet.namespace));
          return messageCount === (round + 1) * POISONS;
        };
        await eventually(buried, { within: WITHIN_MS, what: 'each of them is a dead letter, and nothing else is' });
      } finally {
        await connection.close();
      }
      await stage.flows();
    },
  },
];
