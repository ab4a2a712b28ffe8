import { expect } from 'chai';
import type { LoggedEvent, Recipients } from '../../src/application/ports/event-log.js';
import { renderEvent } from '../../src/application/render-event.js';
import { logged, message, oneOfEach } from './logged-events.js';

const MAX = 3;
const said = logged({ type: 'message.created', message });
const removedBy = (actorId: string, userId: string) =>
  logged({ type: 'member.removed', userId, left: actorId === userId }, { actorId });

/** Recipients and their count, as an event says them. */
function whom(event: LoggedEvent, recipients: Recipients | null) {
  const { data } = renderEvent(event, recipients, { storeId: 's', recipientsMax: MAX });
  return 'recipients' in data ? [data.recipients, data.recipientCount] : null;
}

const listed = (...memberIds: string[]): Recipients => ({ memberIds, memberCount: memberIds.length });
const tooMany = (memberCount: number): Recipients => ({ memberIds: null, memberCount });

describe("An event's recipients", () => {
  it('are the members, the actor left out', () => {
    expect(whom(said, listed('alice', 'bob', 'carol'))).to.deep.equal([['bob', 'carol'], 2]);
    expect(whom(said, listed('alice'))).to.deep.equal([[], 0]);
  });

  it('are all the members where the actor has gone meanwhile', () => {
    expect(whom(said, listed('bob', 'carol'))).to.deep.equal([['bob', 'carol'], 2]);
  });

  it('include a member just removed', () => {
    expect(whom(removedBy('alice', 'zoe'), listed('alice', 'bob'))).to.deep.equal([['bob', 'zoe'], 2]);
  });

  it('include the one who left, who is the actor', () => {
    expect(whom(removedBy('bob', 'bob'), listed('alice', 'carol'))).to.deep.equal([['alice', 'carol', 'bob'], 3]);
  });

  it('include a removed member once where they are back meanwhile', () => {
    expect(whom(removedBy('alice', 'bob'), listed('alice', 'bob', 'carol'))).to.deep.equal([['carol', 'bob'], 2]);
    expect(whom(removedBy('bob', 'bob'), listed('alice', 'bob'))).to.deep.equal([['alice', 'bob'], 2]);
  });

  it('are listed up to the bound, and past it only counted', () => {
    expect(whom(said, listed('alice', 'b', 'c', 'd'))).to.deep.equal([['b', 'c', 'd'], 3]);
    expect(whom(said, listed('a', 'b', 'c', 'd'))).to.deep.equal([null, 4]);
    expect(whom(removedBy('alice', 'e'), listed('alice', 'b', 'c', 'd'))).to.deep.equal([null, 4]);
    expect(whom(removedBy('e', 'e'), listed('b', 'c', 'd'))).to.deep.equal([null, 4]);
  });

  it('are counted right where the members are too many to be read', () => {
    expect(whom(said, tooMany(1000))).to.deep.equal([null, 999]);
    expect(whom(removedBy('alice', 'bob'), tooMany(1000))).to.deep.equal([null, 1000]);
    expect(whom(removedBy('bob', 'bob'), tooMany(1000))).to.deep.equal([null, 1001]);
  });

  it('are nobody where the chat is gone', () => {
    expect(whom(said, null)).to.deep.equal([[], 0]);
  });

  it('are not said of events without a chat', () => {
    for (const event of oneOfEach)
      if (event.chatId === null) expect(whom(event, null), event.event.type).to.equal(null);
      else if (!['chat.hidden', 'chat.unhidden'].includes(event.event.type))
        expect(whom(event, listed('bob')), event.event.type).to.deep.equal([['bob'], 1]);
  });
});
