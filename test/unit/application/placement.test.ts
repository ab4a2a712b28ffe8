import { expect } from 'chai';
import { PARTITION_WHILE_IMPORTED } from '../../../src/domain/chat.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import { add, create, GROUP, NOWHERE, OTHER_GROUP, send, upsert } from './drafts.js';
import { Stage } from './stage.js';

function group(): Stage {
  const stage = new Stage(3);
  stage.given(create('alice', GROUP, ['bob']));
  return stage;
}

const nothingWritten = {
  users: [],
  chatsCreated: [],
  chatsChanged: [],
  membersPut: [],
  membersRemoved: [],
  userChats: { changes: [], max: DEFAULT_LIMITS.userChatsMax },
  standingsEnded: [],
  messages: [],
  messagesChanged: [],
  messagesRemoved: [],
  revisions: [],
  revisionsErased: [],
  reactions: [],
  threads: [],
  events: [],
  receipts: [],
  decisions: [],
};

describe('A command at the wrong partition', () => {
  it('is misrouted to where its chat belongs, and leaves no trace', () => {
    const stage = group();
    stage.alterChat(GROUP, { partition: 5 });
    for (const draft of [send('alice', GROUP), add('alice', GROUP, ['carol']), create('alice', GROUP, [])]) {
      expect(stage.batch([draft])).to.deep.equal([{ kind: 'misrouted', home: 5 }]);
      expect(stage.written).to.deep.equal(nothingWritten);
    }
  });

  it('does not hold up its neighbours', () => {
    const stage = group();
    stage.given(create('alice', OTHER_GROUP, []));
    stage.alterChat(GROUP, { partition: 0 });
    const results = stage.batch([send('alice', OTHER_GROUP), send('alice', GROUP), send('alice', OTHER_GROUP)]);
    expect(results.map((result) => (result.kind === 'answered' ? result.receipt.sequence : result.kind))).to.deep.equal(
      [2, 'misrouted', 3],
    );
  });

  it('that was answered before gets its answer all the same', () => {
    const stage = group();
    const draft = send('alice', GROUP);
    const [first] = stage.given(draft);
    stage.alterChat(GROUP, { partition: 5 });
    expect(stage.answer(draft)).to.deep.equal({ ...first, replayed: true });
  });
});

describe('While the hash ring is not settled', () => {
  it('a command for a chat that is not known here may belong elsewhere', () => {
    const stage = group();
    stage.ringUnsettled = true;
    for (const draft of [create('alice', OTHER_GROUP, []), send('alice', NOWHERE)])
      expect(stage.batch([draft])).to.deep.equal([{ kind: 'astray' }]);
    expect(stage.chats).to.have.property('size', 1);
  });

  it('a command for a chat that belongs elsewhere has only gone astray', () => {
    const stage = group();
    stage.alterChat(GROUP, { partition: 5 });
    stage.ringUnsettled = true;
    expect(stage.batch([send('alice', GROUP)])).to.deep.equal([{ kind: 'astray' }]);
    expect(stage.written).to.deep.equal(nothingWritten);
  });

  it('a command for a chat that belongs here is served', () => {
    const stage = group();
    stage.ringUnsettled = true;
    expect(stage.given(send('alice', GROUP))[0]?.sequence).to.equal(2);
  });

  it('a command about no chat is served', () => {
    const stage = new Stage();
    stage.ringUnsettled = true;
    stage.given(upsert('alice', { displayName: 'A' }));
  });

  it('a chat without a partition is not placed', () => {
    const stage = group();
    stage.alterChat(GROUP, { partition: null });
    stage.ringUnsettled = true;
    expect(stage.batch([send('alice', GROUP)])).to.deep.equal([{ kind: 'astray' }]);
    expect(stage.chat(GROUP).partition).to.equal(null);
  });
});

describe('A chat without a partition', () => {
  it('is placed where the next command for it comes in', () => {
    const stage = group();
    stage.alterChat(GROUP, { partition: null });
    expect(stage.given(send('bob', GROUP), send('alice', GROUP)).map(({ sequence }) => sequence)).to.deep.equal([2, 3]);
    expect(stage.chat(GROUP)).to.include({ partition: 3, lastSequence: 3 });
    expect(stage.written?.chatsChanged).to.have.length(1);
  });

  it('is placed also by a command that is refused', () => {
    const stage = group();
    stage.alterChat(GROUP, { partition: null });
    expect(stage.answer(add('bob', GROUP, ['carol'])).reason?.code).to.equal('not_permitted');
    expect(stage.chat(GROUP)).to.include({ partition: 3, lastSequence: 1 });
  });
});

describe('While a chat is being imported', () => {
  it('its commands are answered conflict, wherever they come in, and change nothing', () => {
    for (const ringUnsettled of [false, true]) {
      const stage = group();
      stage.ringUnsettled = ringUnsettled;
      stage.alterChat(GROUP, { partition: PARTITION_WHILE_IMPORTED });
      for (const draft of [send('alice', GROUP), create('alice', GROUP, []), send('mallory', GROUP)]) {
        const { status, reason } = stage.answer(draft);
        expect([status, reason?.code, reason?.detail]).to.deep.equal([
          'rejected',
          'conflict',
          'the chat is being imported',
        ]);
        expect([stage.written?.events, stage.written?.receipts]).to.deep.equal([[], []]);
      }
      stage.given(upsert('alice', { displayName: 'Alice' }));
    }
  });

  it('a command that was answered before gets its answer all the same', () => {
    const stage = group();
    const draft = send('alice', GROUP);
    const [first] = stage.given(draft);
    stage.alterChat(GROUP, { partition: PARTITION_WHILE_IMPORTED });
    expect(stage.answer(draft)).to.deep.equal({ ...first, replayed: true });
  });
});
