import { expect } from 'chai';
import { v4 } from 'uuid';
import { commandTypes } from '../../../src/contract/messages/commands.js';
import { type EventType, eventEnvelope } from '../../../src/contract/messages/events.js';
import { eventually } from '../../support/eventually.js';
import { type Conversation, playConversation } from '../../support/fleet/conversation.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { makesKind } from '../../support/fleet/made-kind.js';

describe('A whole conversation through a real broker, a real database and a worker process', () => {
  let fleet: Fleet;
  let conversation: Conversation;

  before(async function () {
    this.timeout(60_000);
    fleet = await Fleet.create({ env: { EDIT_WINDOW: 'strict=0s,*=1h' } });
    const worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
    await fleet.query(makesKind('console', 'service'));
    conversation = await playConversation((command) => fleet.producer.request(command), 'console');
  });
  after(() => fleet?.close());

  const eventsOf = async (chatId: string, count: number) =>
    eventually(
      () => {
        const ofChat = fleet.dispatch.events.filter(({ partitionkey }) => partitionkey === chatId);
        return ofChat.length >= count ? ofChat : undefined;
      },
      { within: 10_000, what: `${count} events` },
    );

  it('contains every command type', () => {
    expect(commandTypes.filter((type) => !conversation.played.includes(type))).to.deep.equal([]);
  });

  it('reaches dispatch as events that match the contract, with sequences without gaps', async () => {
    const events = await eventsOf(conversation.chatId, 21);
    for (const event of events) expect(eventEnvelope(event.type as EventType).parse(event)).to.deep.equal(event);
    expect(events.map(({ type }) => type)).to.deep.equal([
      ...['chat.created', 'member.added', 'message.created', 'message.created', 'message.edited', 'message.edited'],
      ...['message.reacted', 'message.reacted', 'message.unreacted', 'message.reacted', 'chat.read'],
      ...['chat.delivered', 'chat.hidden', 'chat.unhidden'],
      ...['message.deleted', 'message.deleted', 'member.updated', 'member.removed', 'chat.updated'],
      ...['chat.archived', 'chat.unarchived'],
    ]);
    const unnumbered = ['chat.read', 'chat.delivered', 'chat.hidden', 'chat.unhidden'];
    const numbered = events.filter(({ type }) => !unnumbered.includes(type));
    expect(numbered.map(({ sequence }) => sequence)).to.deep.equal(numbered.map((_, index) => String(index + 1)));
    const read = events.find(({ type }) => type === 'chat.read');
    expect(read?.id).to.match(/^p\d+\/\d+$/);
    expect(read?.data).to.include({ userId: 'carol', upTo: 3, sequence: null });
  });

  it('leaves no deleted text in any table', async () => {
    const { chatId, talkedAbout, gone } = conversation;
    const tables = await fleet.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    );
    for (const { name } of tables) {
      const rows = await fleet.query(
        `SELECT t::text AS row FROM "${name}" t WHERE t::text ~ '(first|second|third) text|an answer'`,
      );
      expect(rows, name).to.deep.equal([]);
    }
    const messages = await fleet.query('SELECT message_id::text AS id, body FROM messages WHERE chat_id = $1', [
      chatId,
    ]);
    expect(messages).to.deep.equal([{ id: talkedAbout, body: null }]);
    const stubs = await fleet.query(
      'SELECT message_id::text AS id, sequence::int, ordinal::int FROM removed_messages WHERE chat_id = $1',
      [chatId],
    );
    expect(stubs).to.deep.equal([{ id: gone, sequence: 4, ordinal: 2 }]);
    const counts = await fleet.query('SELECT message_id::text AS id, emoji, count FROM reaction_counts');
    expect(counts).to.deep.equal([{ id: talkedAbout, emoji: '👩‍👩‍👧', count: 1 }]);
  });

  it("applies the tenant's edit window of EDIT_WINDOW", async () => {
    const codes = await Promise.all(
      ['strict', 'default'].map(async (tenantId) => {
        const chatId = v4();
        const about = { tenantId, actorId: 'alice', chatId };
        const data = { kind: 'group', memberIds: [] };
        await fleet.producer.request({ type: 'chat.create', commandId: `${chatId}-1`, data, ...about });
        const { messageId } = await fleet.producer.request({
          ...{ type: 'message.send', commandId: `${chatId}-2`, data: { body: 'x' }, ...about },
        });
        const edited = await fleet.producer.request({
          ...{ type: 'message.edit', commandId: `${chatId}-3`, data: { messageId, body: 'y' }, ...about },
        });
        return edited.reason?.code ?? edited.status;
      }),
    );
    expect(codes).to.deep.equal(['not_permitted', 'accepted']);
  });
});
