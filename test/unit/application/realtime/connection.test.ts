import { expect } from 'chai';
import { SLOW_AGAIN_MS } from '../../../../src/application/realtime/connection.js';
import { CHAT, connectionOf, deleted, live, MESSAGE, message, progressAt } from './realtime-fixtures.js';

describe('A connection', () => {
  it('sends after a walk only what its cut does not cover', () => {
    const made = connectionOf();
    for (const position of [4, 5, 6, 7]) made.connection.offer(live(message(position), position), 'content', true);
    expect(made.goLive(5)).to.equal(null);
    expect(made.sequences()).to.deep.equal([6, 7]);
  });

  it('walks again if its buffer overflows, and loses nothing that the next cut does not cover', () => {
    const made = connectionOf({ unackedMax: 8 });
    for (let position = 1; position <= 9; position += 1)
      made.connection.offer(live(message(position), position), 'content', true);
    expect(made.goLive(5)).to.equal('gap');
    made.connection.offer(live(message(10), 10), 'content', true);
    expect(made.goLive(9)).to.equal(null);
    expect(made.sequences()).to.deep.equal([10]);
  });

  it('keeps a chat as changed if the walk did not cover its event, and then gets no mark', () => {
    const made = connectionOf();
    made.connection.miss('covered', live(message(5), 5), true);
    made.connection.miss('later', live(message(6), 6), true);
    made.goLive(5);
    expect([made.connection.hasMissed('covered'), made.connection.hasMissed('later')]).to.deep.equal([false, true]);
    made.connection.tick();
    expect(made.frames.filter(({ t }) => t === 'changed')).to.have.length(1);
  });

  it('does not send a text that was deleted while it waited', () => {
    const made = connectionOf({ holds: true, unackedMax: 100 });
    made.goLive();
    const large = 'x'.repeat(70_000);
    made.connection.offer(live(message(1, large), 1), 'content', true);
    made.connection.offer(live(message(2, 'secret'), 2), 'content', true);
    made.connection.offer(live(deleted(3, 2), 3), 'content', true);
    made.connection.erase(MESSAGE, 'soft');
    made.flush();
    made.flush();
    expect(made.sequences()).to.deep.equal([1, 2, 3]);
    expect(JSON.stringify(made.frames)).not.to.contain('secret');
  });

  it('becomes slow when too much is unacknowledged, and walks when half of it is acknowledged', () => {
    const made = connectionOf({ unackedMax: 8 });
    made.goLive();
    for (let sequence = 1; sequence <= 20; sequence += 1)
      made.connection.offer(live(message(sequence), sequence), 'content', true);
    expect(made.sequences()).to.have.length.at.most(9);
    expect(made.frames.filter(({ t }) => t === 'changed')).to.have.length(1);
    const pushed = made.frames.filter((frame) => 'n' in frame).length;
    expect(made.connection.ack(pushed + 1)).to.equal('invalid');
    expect(made.connection.ack(1)).to.equal(null);
    expect(made.connection.ack(pushed)).to.equal('slow');
    expect(made.frames.at(-1)).to.deep.equal({ t: 'resync', reason: 'slow', scope: 'mark' });
  });

  it('is closed if it is slow twice within the time, or for that time', () => {
    const [twice, long] = [connectionOf(), connectionOf()];
    for (const made of [twice, long]) {
      made.goLive();
      for (let sequence = 1; sequence <= 9; sequence += 1)
        made.connection.offer(live(message(sequence), sequence), 'content', true);
    }
    twice.connection.ack(9);
    twice.goLive(9);
    for (let sequence = 10; sequence <= 19; sequence += 1)
      twice.connection.offer(live(message(sequence), sequence), 'content', true);
    expect(twice.closedWith).to.equal(4408);
    long.pass(SLOW_AGAIN_MS + 1);
    long.connection.tick();
    expect(long.closedWith).to.equal(4408);
  });

  it('sends nothing of a chat if the policy hides chats, and asks for a walk', () => {
    const made = connectionOf();
    made.goLive();
    made.connection.offer(live(message(1), 1), 'content', false);
    expect(made.sequences()).to.deep.equal([]);
    expect(made.connection.canMark(1, 0)).to.equal(false);
    expect(made.connection.tick()).to.equal('view');
  });

  it('shows a member without the text what is about an earlier message', () => {
    const made = connectionOf();
    made.goLive();
    made.connection.offer(live(deleted(5, 2), 5), 'hidden', true);
    expect(made.frames.at(-1)).to.have.nested.property('event.data.erased', true);
  });

  it('numbers its pushes without a gap, and begins anew after a reset', () => {
    const made = connectionOf();
    made.goLive();
    made.connection.offer(live(message(1), 1), 'content', true);
    expect(made.connection.reset('restored')).to.equal(true);
    expect(made.frames.at(-1)).to.deep.equal({ t: 'resync', reason: 'restored', scope: 'all' });
    expect(made.connection.progress.from).to.equal(null);
    made.goLive(3);
    made.connection.offer(live(message(4), 4), 'content', true);
    expect(made.frames.at(-1)).to.include({ t: 'event', n: 2 });
  });

  it('announces content of a large chat that came after the cut of its first walk, and gets no mark before', () => {
    const { connection, goLive, frames } = connectionOf();
    // Until the first walk has ended, the view is unknown, and nothing may be pushed.
    connection.miss(CHAT, live(message(7), 6), false);
    goLive(5);
    connection.offer(live(message(2), 7), 'content', true);
    expect(connection.canMark(1, 0)).to.equal(false);
    connection.tick();
    expect(frames.at(-1)).to.deep.include({ t: 'changed', chatId: CHAT, lastSequence: 7 });
  });

  it('walks for such content if the policy hides chats, and names no chat', () => {
    const { connection, frames } = connectionOf();
    connection.miss(CHAT, live(message(7), 6), false);
    void connection.sendPage({ json: '{}', token: 't', progress: progressAt(5), arrivals: [] });
    connection.endWalk({ positions: [5], imports: 0 }, false);
    expect(connection.canMark(1, 0)).to.equal(false);
    expect(connection.tick()).to.equal('view');
    expect(frames.some(({ t }) => t === 'changed')).to.equal(false);
  });
});
