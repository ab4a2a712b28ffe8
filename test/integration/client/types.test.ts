/**
 * What the compiler knows of events and commands. The compiler is the test: each `@ts-expect-error` fails the build
 * where it is not needed.
 */
import { expect } from 'chai';
import type { CommandProducer, ConsumerOptions, RestReader } from '../../../src/client/public.js';
import { exampleEvents } from '../../../src/contract/examples/events.js';
import type { CloudEvent, EventData, EventType } from '../../../src/contract/public.js';

/** Compiles only where `type` narrows `data`, and every type has its case. */
function told(event: CloudEvent): string | null {
  switch (event.type) {
    case 'message.created':
    case 'message.edited':
      // @ts-expect-error: a message has no title
      void event.data.title;
      return event.data.body;
    case 'message.deleted':
      return event.data.mode;
    case 'message.reacted':
    case 'message.unreacted':
      return event.data.emoji;
    case 'chat.created':
    case 'chat.updated':
      return event.data.title;
    case 'chat.archived':
    case 'chat.unarchived':
    case 'chat.hidden':
    case 'chat.unhidden':
      return event.data.chatId;
    case 'chat.read':
    case 'chat.delivered':
      return String(event.data.upTo);
    case 'member.added':
      return event.data.members.map(({ userId }) => userId).join();
    case 'member.removed':
    case 'member.updated':
      return event.data.userId;
    case 'user.upserted':
      return event.data.displayName;
    case 'webhook.upserted':
      return event.data.url;
    case 'webhook.deleted':
      return event.data.webhookId;
    case 'command.rejected':
      return event.data.reason?.code ?? null;
    default: {
      const none: never = event;
      return none;
    }
  }
}

/** As programs write it, and what they may hand on. */
const handle: ConsumerOptions['handle'] = (event) => {
  if (event.type !== 'message.created') return;
  const created: CloudEvent<'message.created'> = event;
  const data: EventData['message.created'] = event.data;
  const type: EventType = created.type;
  void [data.body, type];
};

/** REST's pages hold the same events, but for those that belong to no chat. */
async function page(reader: RestReader, chatId: string): Promise<string | null | undefined> {
  for await (const event of reader.each('listEvents', { chatId }))
    if (event.type === 'message.created') return event.data.body;
  return undefined;
}

/** Never called: what the producer takes is the compiler's matter. */
function sent(producer: CommandProducer): Promise<unknown>[] {
  const chatId = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
  const actorId = 'alice';
  const memberIds = ['bob'];
  const kind = 'group' as 'direct' | 'group' | 'channel';
  const claims = { team: 'blue' };
  return [
    producer.send('chat.create', { actorId, data: { kind: 'direct', memberIds: ['bob'] } }),
    producer.send('chat.create', { actorId, chatId, data: { kind: 'direct', memberIds } }),
    producer.send('chat.create', { actorId, chatId, data: { kind: 'group', memberIds } }),
    producer.send('chat.create', { actorId, chatId, data: { kind, memberIds } }),
    // @ts-expect-error: the producer chooses the id of a group
    producer.send('chat.create', { actorId, data: { kind: 'group', memberIds } }),
    // @ts-expect-error: the producer chooses the id of a channel
    producer.send('chat.create', { actorId, data: { kind: 'channel', memberIds } }),
    // @ts-expect-error: it might be a group
    producer.send('chat.create', { actorId, data: { kind, memberIds } }),
    producer.send('chat.create', { actorId, data: { kind: 'direct', memberIds } }),
    // @ts-expect-error: a message belongs to a chat
    producer.send('message.send', { actorId, data: { body: 'hello' } }),
    producer.send('user.upsert', { actorId, data: { displayName: 'Alice' } }),
    producer.send('user.upsert', { actorId, data: { claims } }),
    producer.send('user.upsert', { actorId, data: { userId: 'bob', claims } }),
    // @ts-expect-error: a profile has a name
    producer.send('user.upsert', { actorId, data: {} }),
    // @ts-expect-error: a profile has a name, unless only claims are set
    producer.send('user.upsert', { actorId, data: { claims, kind: 'bot' } }),
    // @ts-expect-error: a profile belongs to no chat
    producer.send('user.upsert', { actorId, chatId, data: { displayName: 'Alice' } }),
  ];
}

describe('The types of the client', () => {
  it('narrow an event by its type', () => {
    const answers = new Map(exampleEvents.map(({ event }) => [event.type, told(event)]));
    expect(answers.get('user.upserted')).to.equal('Alice');
    expect(answers.get('message.deleted')).to.be.oneOf(['soft', 'hard']);
    expect([...answers.values()]).to.not.include(undefined);
    expect([typeof handle, typeof sent, typeof page]).to.deep.equal(['function', 'function', 'function']);
  });
});
