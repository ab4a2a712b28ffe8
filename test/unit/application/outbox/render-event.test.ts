import { expect } from 'chai';
import { encodeEvent, eventId, renderEvent } from '../../../../src/application/outbox/render-event.js';
import { userKey } from '../../../../src/application/ports/store/command-store.js';
import type { LoggedEvent } from '../../../../src/application/ports/store/log/event-log.js';
import { CHATLESS_EVENTS } from '../../../../src/contract/messages/chatless-events.js';
import { EVENT_CONTENT_TYPE, eventEnvelope, eventTypes } from '../../../../src/contract/messages/events.js';
import type { DomainEvent } from '../../../../src/domain/event.js';
import { DeciderHarness } from '../commands/decider-harness.js';
import {
  add,
  archive,
  create,
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
import { everyoneOf, tooMany } from './audiences.js';
import { logged, MESSAGE_ID, message, oneOfEach, TRACEPARENT, WEBHOOK_ID } from './logged-events.js';

const context = { storeId: '7d8f1c1e-4f6a-4f0e-9f6e-0a9c3a1b2c3d', recipientsMax: 256 };
const bobToo = everyoneOf('alice', 'bob');
const whomOf = (event: LoggedEvent) => (event.chatId === null ? null : bobToo);
const wire = (event: LoggedEvent) => Buffer.from(encodeEvent(event, whomOf(event), context).body).toString();

/** An event as it comes back from a log that keeps its payload as JSON text. */
function readBack(event: LoggedEvent): LoggedEvent {
  const times = new Set(['createdAt', 'updatedAt', 'editedAt', 'deletedAt']);
  const payload = JSON.parse(JSON.stringify(event.event), (key, value: unknown) =>
    times.has(key) && typeof value === 'string' ? new Date(value) : value,
  ) as DomainEvent;
  return { ...event, at: new Date(event.at.getTime()), event: payload };
}

describe('An event on the wire', () => {
  it("equals the contract's example, key by key", () => {
    const event = logged({ type: 'message.created', message });
    expect(wire(event)).to.equal(
      `{"specversion":"1.0","id":"${GROUP}/42","source":"/parley/${context.storeId}/default","type":"message.created",` +
        `"subject":"chats/${GROUP}/messages/${MESSAGE_ID}","time":"2026-11-20T20:15:00.123Z",` +
        `"datacontenttype":"application/json","partitionkey":"${GROUP}","sequence":"42",` +
        `"data":{"tenantId":"default","chatId":"${GROUP}","actorId":"alice","commandId":"c-1","sequence":42,` +
        `"messageId":"${MESSAGE_ID}","senderId":"alice","body":"hello","contentType":"text/plain","inReplyTo":null,` +
        `"threadRootId":null,"mentions":[],"attachments":[],"metadata":{},"createdAt":"2026-11-20T20:15:00.123Z",` +
        '"recipients":["bob"],"forActor":true,"recipientCount":1}}',
    );
  });

  it('is CloudEvents in structured mode', () => {
    expect(EVENT_CONTENT_TYPE).to.equal('application/cloudevents+json');
  });

  it('covers each type in these tests', () => {
    expect(new Set(oneOfEach.map(({ event }) => event.type))).to.deep.equal(new Set(eventTypes));
  });

  for (const event of oneOfEach) {
    const { type } = event.event;
    it(`matches the contract's schema exactly (${type})`, () => {
      const said = JSON.parse(wire(event)) as { data: object };
      // What a schema does not know, parsing leaves out: then the two would differ.
      expect(eventEnvelope(type).parse(said)).to.deep.equal(said);
      expect(said.data).to.include({ tenantId: 'default', actorId: 'alice', commandId: 'c-1' });
    });

    it(`has the same bytes from memory and from the log (${type})`, () => {
      expect(wire(readBack(event))).to.equal(wire(event));
    });
  }

  it('matches the schema and has the same bytes from the log for any event of a batch', () => {
    const harness = new DeciderHarness();
    harness.users.set(userKey(SERVICE), SERVICE);
    const traced = { properties: { headers: { traceparent: TRACEPARENT } } };
    const metadata = { b: { y: 1.5, x: [] }, a: '\u007f', 2: 'two', 1: 'one' };
    const [, first] = harness.given(
      create('alice', GROUP, ['bob'], { metadata, title: 'Tea' }),
      send('alice', GROUP, 'hello', { metadata, mentions: ['bob'] }, traced),
    );
    harness.answers(
      send('bob', GROUP, 'yes', {
        inReplyTo: first?.messageId,
        attachments: [{ name: 'n', size: 1, mediaType: 'm/m', url: 'https://a.example' }],
      }),
      upsert('alice', { displayName: 'Alice', metadata }),
      add('alice', GROUP, ['carol'], 'reader'),
      send('carol', GROUP),
      send('carol', GROUP, ''),
      remove('carol', GROUP, 'carol'),
      edit('alice', GROUP, first?.messageId ?? '', { body: 'hello?', metadata: {}, mentions: [] }),
      react('bob', GROUP, first?.messageId ?? '', '👩‍👩‍👧'),
      unreact('bob', GROUP, first?.messageId ?? '', '👩‍👩‍👧'),
      hide('alice', GROUP),
      unhide('alice', GROUP),
      read('alice', GROUP, 4),
      deliver('alice', GROUP, 7),
      erase('alice', GROUP, first?.messageId ?? ''),
      updateMember('alice', GROUP, 'bob', { role: 'admin', mutedUntil: '2026-11-20T20:15:00.123456+01:00' }),
      update('alice', GROUP, { title: null, metadata, historyVisibility: 'since-joined' }),
      archive('alice', GROUP),
      unarchive('alice', GROUP),
      upsertWebhook(WEBHOOK_ID, { chatKinds: ['group'] }),
      deleteWebhook(WEBHOOK_ID),
    );
    expect(new Set(harness.log.map(({ event }) => event.type))).to.deep.equal(new Set(eventTypes));
    for (const event of harness.log) {
      expect(wire(readBack(event))).to.equal(wire(event));
      const said = JSON.parse(wire(event)) as object;
      expect(eventEnvelope(event.event.type).parse(said)).to.deep.equal(said);
    }
  });
});

describe('An event contains', () => {
  const subjects = oneOfEach.map((event) => [event.event.type, renderEvent(event, whomOf(event), context).subject]);
  it('its subject', () => {
    expect(subjects).to.deep.equal([
      ['message.created', `chats/${GROUP}/messages/${MESSAGE_ID}`],
      ['chat.created', `chats/${GROUP}`],
      ['chat.created', `chats/${GROUP}`],
      ['member.added', `chats/${GROUP}/members`],
      ['member.removed', `chats/${GROUP}/members/bob`],
      ['message.edited', `chats/${GROUP}/messages/${MESSAGE_ID}`],
      ['message.deleted', `chats/${GROUP}/messages/${MESSAGE_ID}`],
      ['message.reacted', `chats/${GROUP}/messages/${MESSAGE_ID}`],
      ['message.unreacted', `chats/${GROUP}/messages/${MESSAGE_ID}`],
      ['chat.updated', `chats/${GROUP}`],
      ['chat.archived', `chats/${GROUP}`],
      ['chat.unarchived', `chats/${GROUP}`],
      ['chat.hidden', `chats/${GROUP}/members/alice`],
      ['chat.unhidden', `chats/${GROUP}/members/alice`],
      ['chat.read', `chats/${GROUP}/members/alice`],
      ['chat.delivered', `chats/${GROUP}/members/alice`],
      ['member.updated', `chats/${GROUP}/members/bob`],
      ['user.upserted', 'users/alice'],
      ['webhook.upserted', `webhooks/${WEBHOOK_ID}`],
      ['webhook.deleted', `webhooks/${WEBHOOK_ID}`],
      ['command.rejected', 'commands/c-1'],
    ]);
  });

  it('its id: chat and sequence, or partition and position without a sequence', () => {
    const marks = ['chat.hidden', 'chat.unhidden', 'chat.read', 'chat.delivered'];
    const unnumbered: string[] = [...marks, ...CHATLESS_EVENTS];
    expect(oneOfEach.map(eventId)).to.deep.equal(
      oneOfEach.map(({ event }) => (unnumbered.includes(event.type) ? 'p3/1007' : `${GROUP}/42`)),
    );
    for (const event of oneOfEach) {
      const outgoing = encodeEvent(event, whomOf(event), context);
      expect(outgoing.id)
        .to.equal(eventId(event))
        .and.equal(renderEvent(event, whomOf(event), context).id);
    }
  });

  it('its store and tenant, which make the id unique', () => {
    const [event] = oneOfEach as [LoggedEvent];
    const said = renderEvent({ ...event, tenantId: 'acme' }, bobToo, context);
    expect(said.source).to.equal(`/parley/${context.storeId}/acme`);
    expect(said.data.tenantId).to.equal('acme');
  });

  it('its sequence, as CloudEvents text, if it has one', () => {
    for (const event of oneOfEach) {
      const said = renderEvent(event, whomOf(event), context);
      if (event.sequence === null) expect(said, event.event.type).not.to.have.property('sequence');
      else expect(said.sequence).to.equal('42');
      // The data has the chat id if the event belongs to a chat.
      if (event.chatId !== null) expect(said.data).to.have.property('sequence', event.sequence);
    }
  });

  it('in its routing key type, tenant, and chat or, without a chat, the actor', () => {
    const keys = oneOfEach.map(
      (event) => encodeEvent({ ...event, tenantId: 'acme' }, whomOf(event), context).routingKey,
    );
    expect(keys).to.deep.equal([
      `message.created.acme.${GROUP}`,
      ...Array(2).fill(`chat.created.acme.${GROUP}`),
      `member.added.acme.${GROUP}`,
      `member.removed.acme.${GROUP}`,
      ...['message.edited', 'message.deleted', 'message.reacted', 'message.unreacted'].map(
        (type) => `${type}.acme.${GROUP}`,
      ),
      ...['chat.updated', 'chat.archived', 'chat.unarchived', 'chat.hidden', 'chat.unhidden', 'chat.read'].map(
        (type) => `${type}.acme.${GROUP}`,
      ),
      `chat.delivered.acme.${GROUP}`,
      `member.updated.acme.${GROUP}`,
      'user.upserted.acme.alice',
      'webhook.upserted.acme.alice',
      'webhook.deleted.acme.alice',
      `command.rejected.acme.${GROUP}`,
    ]);
  });

  it('the same hash key in header and body', () => {
    for (const event of oneOfEach) {
      const outgoing = encodeEvent(event, whomOf(event), context);
      // The rejected command is about the group.
      const key = event.chatId === null && event.event.type !== 'command.rejected' ? 'alice' : GROUP;
      expect(outgoing.partitionKey).to.equal(key);
      expect(renderEvent(event, whomOf(event), context).partitionkey).to.equal(key);
    }
  });

  it('the actor as hash key if a rejected command has no chat', () => {
    const receipt = { commandId: 'c-1', chatId: null };
    const outgoing = encodeEvent(logged({ type: 'command.rejected', receipt }), null, context);
    expect(outgoing).to.include({ partitionKey: 'alice', routingKey: 'command.rejected.default.alice' });
  });

  it('its trace context and its time in seconds', () => {
    const event = logged({ type: 'message.created', message }, { tracestate: 'a=1' });
    expect(encodeEvent(event, bobToo, context)).to.include({
      traceparent: TRACEPARENT,
      tracestate: 'a=1',
      timestamp: 1_795_205_700,
      type: 'message.created',
    });
  });

  it('no recipients of chat.hidden except the actor, for any number of members', () => {
    for (const type of ['chat.hidden', 'chat.unhidden'] as const)
      for (const audience of [bobToo, tooMany(5_000), null])
        expect(renderEvent(logged({ type }, { sequence: null }), audience, context).data, type).to.deep.include({
          recipients: [],
          recipientCount: 0,
        });
  });

  it('a mark that its text is erased', () => {
    const erased = logged({ type: 'message.created', message: { ...message, body: null } });
    const said = JSON.parse(wire(erased)) as { data: object };
    expect(said.data).to.include({ body: null, erased: true, messageId: MESSAGE_ID });
    expect(eventEnvelope('message.created').parse(said)).to.deep.equal(said);
    const whole = JSON.parse(wire(logged({ type: 'message.created', message }))) as { data: object };
    expect(whole.data).not.to.have.property('erased');
  });

  it('a mark that the text of an edit is erased, with its revision', () => {
    const edited = { ...message, revision: 3, body: null, editedBy: 'alice' };
    const said = JSON.parse(wire(logged({ type: 'message.edited', message: edited }))) as { data: object };
    expect(said.data).to.include({ body: null, erased: true, revision: 3, editedAt: '2026-11-20T20:15:00.123Z' });
    expect(eventEnvelope('message.edited').parse(said)).to.deep.equal(said);
    const whole = JSON.parse(wire(logged({ type: 'message.edited', message: { ...edited, body: 'x' } })));
    expect(whole.data).not.to.have.property('erased');
  });
});
