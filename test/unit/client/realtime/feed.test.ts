import { expect } from 'chai';
import { Feed, type FeedChange, type FeedFrame } from '../../../../src/client/realtime/feed.js';
import { CHAT, chatEvent, message, OTHER_CHAT, syncItem } from './events.js';

type Items = Extract<FeedFrame, { t: 'sync' }>['page']['items'];

function page(items: Items, next = 'next'): FeedFrame {
  return { t: 'sync', page: { items, next, hasMore: false } };
}
const push = (chatId: string, sequence: number): FeedFrame => ({ t: 'event', n: 1, event: message(chatId, sequence) });
const mark: FeedFrame = { t: 'mark', n: 1, token: 'mark' };

function feedOf(sequences: [string, number][] = []): Feed {
  return new Feed({ owner: { tenantId: 'default', userId: 'alice' }, resumeToken: null, sequences });
}

/** The changes in short. */
function short(changes: FeedChange[] | string): string[] | string {
  if (typeof changes === 'string') return changes;
  return changes.map((change) =>
    change.kind === 'event' ? `event ${change.sequence}` : 'token' in change ? change.token : change.kind,
  );
}

describe('The feed of a realtime client', () => {
  it('applies pages, drops repeats, and keeps the order', () => {
    const feed = feedOf();
    const first = page([syncItem(CHAT, [message(CHAT, 4), message(CHAT, 5)], { reset: true })]);
    expect(short(feed.apply(first))).to.deep.equal(['reset', 'chat', 'event 4', 'event 5', 'next']);
    expect(short(feed.apply(push(CHAT, 5)))).to.deep.equal([]);
    expect(short(feed.apply(push(CHAT, 6)))).to.deep.equal(['event 6']);
    const again = page([syncItem(CHAT, [message(CHAT, 5), message(CHAT, 6), message(CHAT, 7)])]);
    expect(short(feed.apply(again))).to.deep.equal(['chat', 'event 7', 'next']);
    expect(short(feed.apply(mark))).to.deep.equal(['mark']);
    expect(feed.resumeToken).to.equal('mark');
  });

  it('holds back a chat with a gap until sync has filled it, and takes no mark meanwhile', () => {
    const feed = feedOf([[CHAT, 3]]);
    expect(short(feed.apply(push(CHAT, 5)))).to.deep.equal([]);
    expect(feed.hasUnannouncedGap).to.equal(true);
    feed.apply({ t: 'changed', n: 1, chatId: CHAT, lastSequence: 6 });
    expect(feed.hasUnannouncedGap).to.equal(false);
    expect(feed.apply(mark)).to.equal('gap');
    expect(short(feed.apply(push(OTHER_CHAT, 9)))).to.deep.equal(['event 9']);
    feed.apply(page([syncItem(CHAT, [message(CHAT, 4), message(CHAT, 5)])]));
    expect(feed.apply(mark)).to.equal('gap');
    feed.apply(page([syncItem(CHAT, [message(CHAT, 6)])]));
    expect(short(feed.apply(mark))).to.deep.equal(['mark']);
    feed.apply({ t: 'changed', n: 1, chatId: CHAT, lastSequence: 6 });
    expect(short(feed.apply(mark))).to.deep.equal(['mark']);
  });

  it('finds a hole that a walk from its token does not fill, and begins from nothing', () => {
    const feed = feedOf([[CHAT, 3]]);
    expect(feed.apply(page([syncItem(CHAT, [message(CHAT, 5)])], 'wrong'))).to.equal('hole');
    expect(feed.resumeToken).to.equal(null);
    expect(short(feed.clear())).to.deep.equal(['clear']);
    expect(short(feed.apply(page([syncItem(CHAT, [message(CHAT, 1)], { reset: true })])))).to.deep.equal([
      ...['reset', 'chat', 'event 1', 'next'],
    ]);
  });

  it('drops a chat that its user has left, whatever is missing before', () => {
    const feed = feedOf([[CHAT, 3]]);
    const removed = (userId: string, sequence: number): FeedFrame => ({
      ...{ t: 'event', n: 1, event: chatEvent('member.removed', CHAT, sequence, { userId, left: false }) },
    });
    expect(short(feed.apply(removed('bob', 4)))).to.deep.equal(['event 4']);
    expect(short(feed.apply(removed('alice', 9)))).to.deep.equal(['event 9', 'left']);
    expect(short(feed.apply(mark))).to.deep.equal(['mark']);
    expect(short(feed.apply(page([{ chatId: CHAT, left: true, hidden: true }])))).to.deep.equal(['left', 'next']);
  });

  it('drops everything with a resync of all, and nothing with one to the mark', () => {
    const feed = feedOf([[CHAT, 3]]);
    feed.apply(mark);
    expect(short(feed.apply({ t: 'resync', reason: 'gap', scope: 'mark' }))).to.deep.equal([]);
    expect(feed.resumeToken).to.equal('mark');
    expect(short(feed.apply({ t: 'resync', reason: 'restored', scope: 'all' }))).to.deep.equal(['clear']);
    expect(feed.resumeToken).to.equal(null);
    expect(short(feed.apply(push(CHAT, 2)))).to.deep.equal(['event 2']);
  });

  it('passes on events without a sequence, and of types that it does not know', () => {
    const feed = feedOf([[CHAT, 3]]);
    const read = chatEvent('chat.read', CHAT, null, { userId: 'bob', upTo: 2 });
    for (let copy = 0; copy < 2; copy += 1)
      expect(short(feed.apply({ t: 'event', n: 1, event: read }))).to.deep.equal(['event null']);
    const later = chatEvent('message.sung' as never, CHAT, 4, {});
    expect(short(feed.apply({ t: 'event', n: 1, event: later }))).to.deep.equal(['event 4']);
  });
});
