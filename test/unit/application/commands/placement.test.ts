import { expect } from 'chai';
import { PARTITION_WHILE_IMPORTED } from '../../../../src/domain/chat.js';
import { DEFAULT_LIMITS } from '../../../../src/domain/limits.js';
import { DeciderHarness } from './decider-harness.js';
import { add, create, GROUP, NOWHERE, OTHER_GROUP, send, upsert } from './drafts.js';

function group(): DeciderHarness {
  const harness = new DeciderHarness(3);
  harness.given(create('alice', GROUP, ['bob']));
  return harness;
}

const nothingWritten = {
  users: [],
  webhooks: [],
  chatsCreated: [],
  chatsChanged: [],
  membersPut: [],
  membersRemoved: [],
  userChats: { changes: [], max: DEFAULT_LIMITS.userChatsMax },
  membershipStatesEnded: [],
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
  it('is reported as misrouted with its partition, without any effect', () => {
    const harness = group();
    harness.alterChat(GROUP, { partition: 5 });
    for (const draft of [send('alice', GROUP), add('alice', GROUP, ['carol']), create('alice', GROUP, [])]) {
      expect(harness.batch([draft])).to.deep.equal([{ kind: 'misrouted', home: 5 }]);
      expect(harness.written).to.deep.equal(nothingWritten);
    }
  });

  it('does not delay its neighbours', () => {
    const harness = group();
    harness.given(create('alice', OTHER_GROUP, []));
    harness.alterChat(GROUP, { partition: 0 });
    const results = harness.batch([send('alice', OTHER_GROUP), send('alice', GROUP), send('alice', OTHER_GROUP)]);
    expect(results.map((result) => (result.kind === 'answered' ? result.receipt.sequence : result.kind))).to.deep.equal(
      [2, 'misrouted', 3],
    );
  });

  it('that was answered before gets its stored receipt', () => {
    const harness = group();
    const draft = send('alice', GROUP);
    const [first] = harness.given(draft);
    harness.alterChat(GROUP, { partition: 5 });
    expect(harness.answer(draft)).to.deep.equal({ ...first, replayed: true });
  });
});

describe('A command that the transport may have misplaced', () => {
  it('is rerouted if its chat does not exist yet', () => {
    const harness = group();
    harness.mayBeMisplaced = true;
    for (const draft of [create('alice', OTHER_GROUP, []), send('alice', NOWHERE)])
      expect(harness.batch([draft])).to.deep.equal([{ kind: 'reroute' }]);
    expect(harness.chats).to.have.property('size', 1);
  });

  it('is rerouted if its chat belongs to another partition', () => {
    const harness = group();
    harness.alterChat(GROUP, { partition: 5 });
    harness.mayBeMisplaced = true;
    expect(harness.batch([send('alice', GROUP)])).to.deep.equal([{ kind: 'reroute' }]);
    expect(harness.written).to.deep.equal(nothingWritten);
  });

  it('is executed if its chat belongs to this partition', () => {
    const harness = group();
    harness.mayBeMisplaced = true;
    expect(harness.given(send('alice', GROUP))[0]?.sequence).to.equal(2);
  });

  it('is executed if it has no chat', () => {
    const harness = new DeciderHarness();
    harness.mayBeMisplaced = true;
    harness.given(upsert('alice', { displayName: 'A' }));
  });

  it('does not place a chat without a partition', () => {
    const harness = group();
    harness.alterChat(GROUP, { partition: null });
    harness.mayBeMisplaced = true;
    expect(harness.batch([send('alice', GROUP)])).to.deep.equal([{ kind: 'reroute' }]);
    expect(harness.chat(GROUP).partition).to.equal(null);
  });
});

describe('A chat without a partition', () => {
  it('is assigned to the partition in which its next command arrives', () => {
    const harness = group();
    harness.alterChat(GROUP, { partition: null });
    expect(harness.given(send('bob', GROUP), send('alice', GROUP)).map(({ sequence }) => sequence)).to.deep.equal([
      2, 3,
    ]);
    expect(harness.chat(GROUP)).to.include({ partition: 3, lastSequence: 3 });
    expect(harness.written?.chatsChanged).to.have.length(1);
  });

  it('is assigned also by a refused command', () => {
    const harness = group();
    harness.alterChat(GROUP, { partition: null });
    expect(harness.answer(add('bob', GROUP, ['carol'])).reason?.code).to.equal('not_permitted');
    expect(harness.chat(GROUP)).to.include({ partition: 3, lastSequence: 1 });
  });
});

describe('While a chat is being imported', () => {
  it('its commands are answered conflict in every partition, and change nothing', () => {
    for (const mayBeMisplaced of [false, true]) {
      const harness = group();
      harness.mayBeMisplaced = mayBeMisplaced;
      harness.alterChat(GROUP, { partition: PARTITION_WHILE_IMPORTED });
      for (const draft of [send('alice', GROUP), create('alice', GROUP, []), send('mallory', GROUP)]) {
        const { status, reason } = harness.answer(draft);
        expect([status, reason?.code, reason?.detail]).to.deep.equal([
          'rejected',
          'conflict',
          'the chat is being imported',
        ]);
        expect([harness.written?.events, harness.written?.receipts]).to.deep.equal([[], []]);
      }
      harness.given(upsert('alice', { displayName: 'Alice' }));
    }
  });

  it('a command that was answered before gets its stored receipt', () => {
    const harness = group();
    const draft = send('alice', GROUP);
    const [first] = harness.given(draft);
    harness.alterChat(GROUP, { partition: PARTITION_WHILE_IMPORTED });
    expect(harness.answer(draft)).to.deep.equal({ ...first, replayed: true });
  });
});
