import { expect } from 'chai';
import { MemoryEventLog } from '../../../../src/adapters/stores/memory/memory-event-log.js';
import { EventPublisher } from '../../../../src/application/outbox/event-publisher.js';
import { userKey } from '../../../../src/application/ports/store/command-store.js';
import type { OutgoingEvent } from '../../../../src/application/ports/transport/transport.js';
import { realTime } from '../../../../src/application/runtime/time.js';
import { eventTypes } from '../../../../src/contract/messages/events.js';
import { eventually } from '../../../support/eventually.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import {
  add,
  archive,
  create,
  createDirect,
  deleteWebhook,
  deliver,
  edit,
  erase,
  GROUP,
  hide,
  react,
  read,
  remove,
  SERVICE,
  send,
  unarchive,
  unhide,
  unreact,
  update,
  updateMember,
  upsert,
  upsertWebhook,
} from '../commands/drafts.js';
import { RECIPIENTS_MAX, WorkerHarness } from '../processing/worker-harness.js';
import { WEBHOOK_ID } from './logged-events.js';
import { ScriptedSink } from './scripted-sink.js';

/** The events as published from the log alone. */
async function publishedFromLog({ world, log }: WorkerHarness, after: number): Promise<OutgoingEvent[]> {
  const sink = new ScriptedSink();
  const quiet = () => undefined;
  const position = world.partitions.get(0)?.position ?? 0;
  const observer = {
    ...{ commandAnswered: quiet, batchCommitted: quiet, stageTook: quiet, eventSettled: quiet },
    ...{ deadLettered: quiet, rerouted: quiet, forwarded: quiet, transactionFailed: quiet, leaseAcquired: quiet },
    pruned: quiet,
  };
  const render = { storeId: world.storeId, recipientsMax: RECIPIENTS_MAX };
  const ports = { log: new MemoryEventLog(world), sink, policy: defaultPolicy() };
  const deps = { ...ports, observer, logger: log.logger, time: realTime, render };
  const publisher = new EventPublisher(0, deps, { position, publishedThrough: after });
  await eventually(() => publisher.unpublished === 0, { within: 5_000, what: 'the log is published' });
  await publisher.stop();
  return sink.arrived;
}

const textOf = ({ body }: OutgoingEvent) => Buffer.from(body).toString();

function told({ body }: OutgoingEvent): { recipients: string[] | null; recipientCount: number } {
  return (JSON.parse(Buffer.from(body).toString()) as { data: ReturnType<typeof told> }).data;
}

describe('The bytes of an event', () => {
  let harness: WorkerHarness;
  beforeEach(async () => {
    harness = await WorkerHarness.open();
  });
  afterEach(() => harness?.close());

  it('are the same from the log as from memory, for every type of event', async () => {
    harness.world.users.set(userKey(SERVICE), SERVICE);
    const metadata = { b: { y: 1.5, x: [], z: null }, a: '\u2028"', 2: 'two', 1: -0 };
    const [, , , unsaid] = await harness.answers(
      create('alice', GROUP, ['bob', 'carol'], { title: 'Tea', metadata }),
      createDirect('alice', 'bob'),
      add('alice', GROUP, ['dave'], 'reader'),
      send('alice', GROUP, 'soon gone'),
      remove('alice', GROUP, 'carol'),
    );
    const attachments = [{ name: 'n', size: 1, mediaType: 'm/m', url: 'https://a.example' }];
    await harness.given(
      send('alice', GROUP, 'hello 😀\\', { metadata, mentions: ['bob'], attachments }),
      upsert('alice', { displayName: 'Alice', metadata }),
      upsert('alice', { displayName: 'Alice again' }),
    );
    await harness.answers(send('dave', GROUP, 'a reader'), send('zoe', GROUP, 'a stranger'), send('alice', GROUP, ''));
    const [said] = await harness.answers(send('alice', GROUP, 'one'));
    const messageId = said?.messageId ?? '';
    await harness.given(
      edit('alice', GROUP, messageId, { body: 'uno', metadata, mentions: ['bob', 'dave'] }),
      react('bob', GROUP, messageId, '🇪🇺'),
      unreact('bob', GROUP, messageId, '🇪🇺'),
      read('dave', GROUP, 6),
      deliver('dave', GROUP, 7),
      hide('dave', GROUP),
      unhide('dave', GROUP),
      erase('alice', GROUP, unsaid?.messageId ?? '', 'hard'),
      updateMember('alice', GROUP, 'bob', { role: 'admin', mutedUntil: '2026-11-20T20:15:00Z' }),
      update('alice', GROUP, { title: null, metadata }),
      archive('alice', GROUP),
      unarchive('alice', GROUP),
      upsertWebhook(WEBHOOK_ID, { eventTypes: ['message.created'] }),
      deleteWebhook(WEBHOOK_ID),
    );
    await harness.published();
    expect(new Set(harness.events.map(({ type }) => type))).to.deep.equal(new Set(eventTypes));

    // The members are the same since the sixth event: recipients are those at publishing.
    const unchanged = 5;
    const again = await publishedFromLog(harness, unchanged);
    expect(again.map(({ body }) => Buffer.from(body).toString())).to.deep.equal(
      harness.events.slice(unchanged).map(({ body }) => Buffer.from(body).toString()),
    );
    expect(again).to.deep.equal(harness.events.slice(unchanged));
  });

  for (const mode of ['soft', 'hard'])
    it(`from the log lack the texts of a message deleted meanwhile, and differ in nothing else (${mode})`, async () => {
      await harness.given(create('alice', GROUP, ['bob']));
      const [said] = await harness.answers(send('alice', GROUP, 'hello', { mentions: ['bob'], metadata: { a: 1 } }));
      const messageId = said?.messageId ?? '';
      await harness.given(edit('alice', GROUP, messageId, { body: 'hello again' }));
      await harness.given(edit('alice', GROUP, messageId, { body: 'and again' }));
      await harness.published();
      expect((await publishedFromLog(harness, 0)).map(textOf)).to.deep.equal(harness.events.map(textOf));

      await harness.given(erase('alice', GROUP, messageId, mode));
      await harness.published();
      const again = await publishedFromLog(harness, 0);
      const withoutText = (event: OutgoingEvent) =>
        event.type !== 'message.created' && event.type !== 'message.edited'
          ? textOf(event)
          : textOf(event)
              .replace(/"body":"[^"]*"/, '"body":null')
              .replace(/"mentions":\[[^\]]*\]/, '"mentions":[]')
              .replace(/"metadata":\{[^}]*\}/, '"metadata":{}')
              .replace(/("createdAt":"[^"]*"|"editedAt":"[^"]*")/, '$1,"erased":true');
      expect(again.map(textOf)).to.deep.equal(harness.events.map(withoutText));
      expect(again.map(({ type }) => type)).to.deep.equal([
        ...['chat.created', 'message.created', 'message.edited', 'message.edited', 'message.deleted'],
      ]);
    });

  it('contain the recipients at publishing, and differ in nothing else', async () => {
    await harness.given(create('alice', GROUP, ['bob']));
    await harness.published();
    await harness.given(send('alice', GROUP, 'hello'));
    await harness.published();
    await harness.given(add('alice', GROUP, ['carol']), remove('alice', GROUP, 'bob'));
    await harness.published();
    expect(told(harness.events[1] as OutgoingEvent)).to.deep.include({ recipients: ['bob'], recipientCount: 1 });
    // A removed member is a recipient.
    expect(told(harness.events[3] as OutgoingEvent).recipients).to.have.members(['bob', 'carol']);

    const again = await publishedFromLog(harness, 0);
    expect(told(again[1] as OutgoingEvent)).to.deep.include({ recipients: ['carol'], recipientCount: 1 });
    expect(told(again[3] as OutgoingEvent).recipients).to.have.members(['bob', 'carol']);
    const without = ({ body }: OutgoingEvent) =>
      Buffer.from(body)
        .toString()
        .replace(/"recipients":.*/, '');
    expect(again.map(without)).to.deep.equal(harness.events.map(without));
  });
});
