import { expect } from 'chai';
import { renderEvent } from '../../../../src/application/outbox/render-event.js';
import type { ChatAudience } from '../../../../src/application/policy/chat-audience.js';
import type { LoggedEvent } from '../../../../src/application/ports/store/log/event-log.js';
import { everyoneOf as listed, since, tooMany } from './audiences.js';
import { logged, message, oneOfEach } from './logged-events.js';

const MAX = 3;
const said = logged({ type: 'message.created', message });
const removedBy = (actorId: string, userId: string) =>
  logged({ type: 'member.removed', userId, left: actorId === userId }, { actorId });

/** The recipients of an event and their count. */
function whom(event: LoggedEvent, audience: ChatAudience | null): [string[] | null, number] | null {
  const { data } = renderEvent(event, audience, { storeId: 's', recipientsMax: MAX });
  return 'recipients' in data ? [data.recipients, data.recipientCount] : null;
}

describe("An event's recipients", () => {
  it('are the members without the actor', () => {
    expect(whom(said, listed('alice', 'bob', 'carol'))).to.deep.equal([['bob', 'carol'], 2]);
    expect(whom(said, listed('alice'))).to.deep.equal([[], 0]);
  });

  it('are all members if the actor has left meanwhile', () => {
    expect(whom(said, listed('bob', 'carol'))).to.deep.equal([['bob', 'carol'], 2]);
  });

  it('include a removed member', () => {
    expect(whom(removedBy('alice', 'zoe'), listed('alice', 'bob'))).to.deep.equal([['bob', 'zoe'], 2]);
  });

  it('include a member who left, although they are the actor', () => {
    expect(whom(removedBy('bob', 'bob'), listed('alice', 'carol'))).to.deep.equal([['alice', 'carol', 'bob'], 3]);
  });

  it('include a removed member once if they have returned meanwhile', () => {
    expect(whom(removedBy('alice', 'bob'), listed('alice', 'bob', 'carol'))).to.deep.equal([['carol', 'bob'], 2]);
    expect(whom(removedBy('bob', 'bob'), listed('alice', 'bob'))).to.deep.equal([['alice', 'bob'], 2]);
  });

  it('are listed up to the limit, and only counted above it', () => {
    expect(whom(said, listed('alice', 'b', 'c', 'd'))).to.deep.equal([['b', 'c', 'd'], 3]);
    expect(whom(said, listed('a', 'b', 'c', 'd'))).to.deep.equal([null, 4]);
    expect(whom(removedBy('alice', 'e'), listed('alice', 'b', 'c', 'd'))).to.deep.equal([null, 4]);
    expect(whom(removedBy('e', 'e'), listed('b', 'c', 'd'))).to.deep.equal([null, 4]);
  });

  it('are only an upper bound if there are too many members to read', () => {
    expect(whom(said, tooMany(1000))).to.deep.equal([null, 1000]);
    expect(whom(removedBy('alice', 'bob'), tooMany(1000))).to.deep.equal([null, 1001]);
    expect(whom(removedBy('bob', 'bob'), tooMany(1000))).to.deep.equal([null, 1001]);
  });

  it('list mentioned users who are not recipients', () => {
    const outsiders = (mentions: string[], audience: ChatAudience) => {
      const mentioning = { ...message, mentions };
      const events: LoggedEvent['event'][] = [
        { type: 'message.created', message: mentioning },
        { type: 'message.edited', message: { ...mentioning, revision: 2 } },
      ];
      const told = events.map(
        (event) => renderEvent(logged(event), audience, { storeId: 's', recipientsMax: MAX }).data,
      );
      const [created, edited] = told.map((data) =>
        'mentionedOutsiders' in data ? data.mentionedOutsiders : undefined,
      );
      expect(edited).to.deep.equal(created);
      return created;
    };
    expect(outsiders(['bob', 'zoe', 'alice', 'yan'], listed('alice', 'bob'))).to.deep.equal(['zoe', 'yan']);
    expect(outsiders(['alice'], listed('bob'))).to.deep.equal(['alice']);
    expect(outsiders(['bob', 'carol'], since({ alice: 1, bob: 1, carol: 50 }))).to.deep.equal(['carol']);
    expect(outsiders(['bob'], listed('alice', 'bob'))).to.equal(undefined);
    expect(outsiders(['zoe'], tooMany(1000))).to.equal(undefined);
  });

  describe('of a since-joined chat', () => {
    const audience = since({ bob: 1, carol: 42, dave: 50 });

    it('are the members whose first visible sequence is not above that of the event', () => {
      expect(whom(said, audience)).to.deep.equal([['bob', 'carol'], 2]);
      expect(whom(logged({ type: 'chat.archived' }, { sequence: 49 }), audience)).to.deep.equal([['bob', 'carol'], 2]);
      expect(whom(logged({ type: 'chat.archived' }, { sequence: 50 }), audience)?.[1]).to.equal(3);
    });

    const ofMessage = { messageId: message.messageId, messageSequence: 41 };
    for (const event of [
      { type: 'message.edited' as const, message: { ...message, sequence: 41, revision: 2 } },
      { type: 'message.deleted' as const, ...ofMessage, mode: 'soft' as const },
      { type: 'message.reacted' as const, ...ofMessage, emoji: ':tea:', userId: 'bob' },
      { type: 'message.unreacted' as const, ...ofMessage, emoji: ':tea:', userId: 'bob' },
    ])
      it(`are the members who may see the message of a ${event.type}, not all who may see its sequence`, () => {
        expect(whom(logged(event, { sequence: 60 }), audience)).to.deep.equal([['bob'], 1]);
      });

    for (const type of ['chat.read', 'chat.delivered'] as const)
      it(`are the members who may see the message of a ${type}`, () => {
        const mark = (upTo: number) => logged({ type, userId: 'alice', upTo }, { sequence: null });
        expect(whom(mark(41), audience)).to.deep.equal([['bob'], 1]);
        expect(whom(mark(42), audience)).to.deep.equal([['bob', 'carol'], 2]);
      });

    it('are the earlier members, and the removed one', () => {
      expect(whom(removedBy('alice', 'zoe'), audience)).to.deep.equal([['bob', 'carol', 'zoe'], 3]);
      expect(whom(removedBy('alice', 'dave'), audience)).to.deep.equal([['bob', 'carol', 'dave'], 3]);
    });
  });

  it('are empty if the chat does not exist', () => {
    expect(whom(said, null)).to.deep.equal([[], 0]);
  });

  it('come with forActor, for the other devices of the actor', () => {
    const forActor = (event: LoggedEvent, audience: ChatAudience | null) =>
      (renderEvent(event, audience, { storeId: 's', recipientsMax: MAX }).data as { forActor: boolean | null })
        .forActor;
    expect(forActor(said, listed('alice', 'bob'))).to.equal(true);
    expect(forActor(said, listed('bob')), 'no member, or none who may view the chat').to.equal(false);
    expect(forActor(said, since({ alice: 42, bob: 1 }))).to.equal(true);
    expect(forActor(said, since({ alice: 43, bob: 1 })), 'back since, where history starts with joining').to.equal(
      false,
    );
    expect(forActor(removedBy('bob', 'bob'), listed('alice')), 'who has left').to.equal(true);
    expect(forActor(removedBy('alice', 'bob'), listed('alice'))).to.equal(true);
    expect(forActor(said, null)).to.equal(false);
    expect(forActor(said, tooMany(1000)), 'the actor is among the members').to.equal(null);
    expect(forActor(said, listed('alice', 'b', 'c', 'd', 'e'))).to.equal(null);
  });

  it('are absent in events without a chat', () => {
    for (const event of oneOfEach)
      if (event.chatId === null) expect(whom(event, null), event.event.type).to.equal(null);
      else if (!['chat.hidden', 'chat.unhidden'].includes(event.event.type))
        expect(whom(event, listed('bob')), event.event.type).to.deep.equal([['bob'], 1]);
  });
});
