/**
 * The protocol as others speak it: the examples in Python, with a client that is not ours. No message here is written
 * or read by our code.
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { type Receipt, receipt } from '../../../src/contract/messages/receipts.js';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { storedReceipt } from '../../support/fleet/stored-receipt.js';
import { pythonWithPika } from '../../support/services/python-pika.js';
import { projectFolder } from '../../support/services/services.js';

const TEXTS = ['Hello.', 'Grüße 👋', ...Array.from({ length: 18 }, (_, index) => `number ${index}`)];
const CHATS = 3;
/** More than a dispatch worker is given at once. */
const BACKLOG = 300;
const DISPATCH_TIMEOUT_MS = 30_000;

interface StoredEvent {
  type: string;
  id: string;
  chat_id: string;
  command_id: string;
  sequence: number;
}

const { python, missing } = pythonWithPika();

describe(`A producer and a dispatch worker in Python${missing === undefined ? '' : ` (skipped: ${missing})`}`, function () {
  this.timeout(120_000);
  let fleet: Fleet;
  let receipts: Receipt[][] = [];
  const chatIds = Array.from({ length: CHATS }, () => v4()).sort();

  before(async function () {
    if (missing !== undefined) this.skip();
    fleet = await Fleet.create();
    await (await fleet.startWorker()).ready();
    receipts = await Promise.all(chatIds.map((chatId) => produce(chatId)));
  });

  after(() => fleet?.close());

  function run(example: string, ...args: string[]): Promise<TestProcess> {
    const script = join(projectFolder, 'examples', `${example}.py`);
    return startProcess({ interpreter: python, script, args, env: fleet.env });
  }

  /** Runs the producer to its end, and returns its receipts. */
  async function produce(chatId: string, ...more: string[]): Promise<Receipt[]> {
    const producer = await run('pika_producer', chatId, ...TEXTS, ...more);
    expect((await producer.ended).code, producer.output).to.equal(0);
    return producer.stdout.map((line) => receipt.strict().parse(JSON.parse(line)));
  }

  async function end(dispatch: TestProcess, signal: NodeJS.Signals): Promise<void> {
    dispatch.send(signal);
    expect((await dispatch.ended).code, dispatch.output).to.equal(0);
  }

  /** All lines, each chat's in the order in which they were printed; those about no chat come last. */
  function byChat(lines: string[]): string[] {
    const chatOf = (line: string) => chatIds.findIndex((chatId) => line.includes(` ${chatId}/`));
    return [...chatIds.keys(), -1].flatMap((chat) => lines.filter((line) => chatOf(line) === chat));
  }

  function printedAs({ type, id }: StoredEvent): string {
    return `${type} ${id} for ['bob']`;
  }

  function storedEvents(): Promise<StoredEvent[]> {
    return fleet.query<StoredEvent>(
      `SELECT type, chat_id || '/' || sequence AS id, chat_id, command_id, sequence::int
       FROM chat_events ORDER BY chat_id, sequence`,
    );
  }

  it('gets receipts: every command is accepted, with sequences in the order of its chat', () => {
    receipts.forEach((answers, index) => {
      expect(
        answers.map(({ type, status, chatId, sequence, replayed }) => [type, status, chatId, sequence, replayed]),
      ).to.deep.equal(
        ['chat.create', ...TEXTS.map(() => 'message.send')].map((type, position) => [
          type,
          'accepted',
          chatIds[index],
          position + 1,
          false,
        ]),
      );
    });
  });

  it('finds the ids, sequences and texts of its receipts in the store', async () => {
    for (const [index, chatId] of chatIds.entries()) {
      const answers = receipts[index] ?? [];
      const messages = await fleet.query<{ message_id: string; sequence: number; sender_id: string; body: string }>(
        'SELECT message_id, sequence::int, sender_id, body FROM messages WHERE chat_id = $1 ORDER BY sequence',
        [chatId],
      );
      expect(messages).to.deep.equal(
        answers.slice(1).map(({ messageId, sequence }, position) => ({
          message_id: messageId,
          sequence,
          sender_id: 'alice',
          body: TEXTS[position],
        })),
      );
      for (const answer of answers) expect(await storedReceipt(fleet, 'alice', answer.commandId)).to.deep.equal(answer);
      const events = (await storedEvents()).filter((event) => event.chat_id === chatId);
      expect(events.map(({ command_id, sequence }) => [command_id, sequence])).to.deep.equal(
        answers.map(({ commandId, sequence }) => [commandId, sequence]),
      );
    }
  });

  it('gets the same receipts when it is run again, and changes nothing', async () => {
    const before = await storedEvents();
    const again = await Promise.all(chatIds.map((chatId) => produce(chatId)));
    expect(again).to.deep.equal(receipts.map((answers) => answers.map((answer) => ({ ...answer, replayed: true }))));
    expect(await storedEvents()).to.deep.equal(before);
  });

  it('gets every event once, in the order of its chat', async () => {
    const expected = await storedEvents();
    const dispatch = await run('pika_dispatch');
    await eventually(() => dispatch.stdout.length >= expected.length || !dispatch.running, {
      within: DISPATCH_TIMEOUT_MS,
      what: `${expected.length} lines of a dispatch worker`,
    });
    await end(dispatch, 'SIGINT');
    expect(byChat(dispatch.stdout), dispatch.output).to.deep.equal(expected.map(printedAs));
  });

  it('continues in order, without gaps, after a dispatch consumer ended with unacknowledged events', async () => {
    const more = Array.from({ length: BACKLOG / CHATS }, (_, index) => `more ${index}`);
    await Promise.all(chatIds.map((chatId) => produce(chatId, ...more)));
    const first = await run('pika_dispatch');
    await first.line(/^message\.created/);
    await end(first, 'SIGTERM');
    const next = await run('pika_dispatch');
    const events = (await storedEvents()).filter(({ sequence }) => sequence > 1 + TEXTS.length);
    expect(events).to.have.length(BACKLOG);

    await eventually(() => events.every((event) => [...first.stdout, ...next.stdout].includes(printedAs(event))), {
      within: DISPATCH_TIMEOUT_MS,
      what: 'every event by one of the two',
    });
    for (const chatId of chatIds) {
      const expected = events.filter((event) => event.chat_id === chatId).map(printedAs);
      const [before = [], after = []] = [first, next].map(({ stdout }) =>
        stdout.filter((line) => line.includes(chatId)),
      );
      expect(before).to.deep.equal(expected.slice(0, before.length));
      // What the first one acknowledged at its very end may be given to the next again.
      expect(after).to.deep.equal(expected.slice(expected.length - after.length));
    }
    await end(next, 'SIGTERM');
  });

  it('reports errors and usage in one line', async () => {
    const cases: [string, string[], Record<string, string>, RegExp][] = [
      ['pika_producer', ['general'], {}, /the chat id must be a UUID, and general is not; see --help$/],
      ['pika_producer', [], { CHAT_NAMESPACE: 'nobody-here' }, /no exchange 'nobody-here\.commands'/],
      ['pika_dispatch', ['no-such-queue'], {}, /no queue 'no-such-queue'/],
    ];
    for (const example of ['pika_producer', 'pika_dispatch'])
      cases.push(
        [example, [], { AMQP_URL: 'localhost' }, /AMQP_URL must be a URL that starts with amqp/],
        [example, [], { AMQP_URL: 'amqp://u:hunter2@127.0.0.1:1' }, /Connection refused/],
      );
    for (const [example, args, more, expected] of cases) {
      const script = join(projectFolder, 'examples', `${example}.py`);
      const program = await startProcess({ interpreter: python, script, args, env: { ...fleet.env, ...more } });
      const { code } = await program.ended;
      expect([code, program.stderr.length], `${example}: ${program.output}`).to.deep.equal([1, 1]);
      expect(program.stderr[0]).to.match(expected).and.to.not.include('hunter2');
    }
    for (const example of ['pika_producer', 'pika_dispatch']) {
      const help = await run(example, '--help');
      expect([(await help.ended).code, help.stderr]).to.deep.equal([0, []]);
      expect(help.output).to.include(`python3 examples/${example}.py`);
    }
  });
});
