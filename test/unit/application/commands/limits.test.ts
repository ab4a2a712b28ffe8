import { expect } from 'chai';
import {
  EDITS_PER_MESSAGE_MAX,
  EMOJI_PER_MESSAGE_MAX,
  EMOJI_PER_USER_AND_MESSAGE_MAX,
} from '../../../../src/contract/messages/commands.js';
import { DeciderHarness } from './decider-harness.js';
import {
  add,
  CHANNEL,
  create,
  createDirect,
  edit,
  erase,
  GROUP,
  messageId,
  OTHER_GROUP,
  react,
  remove,
  send,
  unreact,
} from './drafts.js';

const M1 = messageId(1);
const chat = (n: number) => `0199c1de-7c3a-7b1e-9a43-0000000000${String(n).padStart(2, '0')}`;
const codes = (receipts: ReturnType<DeciderHarness['answers']>) =>
  receipts.map(({ reason }) => reason?.code ?? 'accepted');
const emoji = (n: number) => `:e${n}:`;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const USERS = ['alice', 'mary', 'mike'];

/** A group of alice, mary and mike, in which M1 has reactions with as many emoji as are allowed, of three users. */
function fullMessage(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.idsToDraw.push(M1);
  harness.given(create('alice', GROUP, ['mary', 'mike']), send('mary', GROUP));
  harness.given(
    ...range(0, EMOJI_PER_MESSAGE_MAX).map((n) =>
      react(USERS[Math.floor(n / EMOJI_PER_USER_AND_MESSAGE_MAX)] ?? '', GROUP, M1, emoji(n)),
    ),
  );
  return harness;
}

for (const [when, inOneBatch] of [
  ['in one batch', true],
  ['in several batches', false],
] as const) {
  const play = (harness: DeciderHarness, drafts: Parameters<DeciderHarness['answers']>) =>
    codes(inOneBatch ? harness.answers(...drafts) : drafts.map((draft) => harness.answer(draft)));

  describe(`The limits of a message (${when})`, () => {
    it('refuse a further edit, but not the same text again or a deletion', () => {
      const harness = new DeciderHarness();
      harness.idsToDraw.push(M1);
      harness.given(create('alice', GROUP, ['mike']), send('alice', GROUP));
      harness.given(...range(1, EDITS_PER_MESSAGE_MAX).map((n) => edit('alice', GROUP, M1, { body: `edit ${n}` })));
      expect(
        play(
          harness,
          ['last', 'one more', 'last'].map((body) => edit('alice', GROUP, M1, { body })),
        ),
      ).to.deep.equal(['accepted', 'limit_reached', 'accepted']);
      expect(harness.revisions.get(M1)).to.have.length(EDITS_PER_MESSAGE_MAX);
      expect(play(harness, [erase('alice', GROUP, M1, 'soft')])).to.deep.equal(['accepted']);
    });

    it('refuse a further emoji of a user, and nothing else', () => {
      const harness = new DeciderHarness();
      harness.idsToDraw.push(M1);
      harness.given(create('alice', GROUP, ['mike']), send('alice', GROUP));
      const done = play(
        harness,
        range(0, EMOJI_PER_USER_AND_MESSAGE_MAX + 1).map((n) => react('mike', GROUP, M1, emoji(n))),
      );
      expect(done).to.deep.equal([...Array(EMOJI_PER_USER_AND_MESSAGE_MAX).fill('accepted'), 'limit_reached']);
      expect(
        play(harness, [
          // An existing emoji; another user; removed and added again. All of them are counted.
          ...[react('mike', GROUP, M1, emoji(0)), react('alice', GROUP, M1, emoji(99))],
          ...[react('mike', GROUP, M1, emoji(99)), unreact('mike', GROUP, M1, emoji(5))],
          ...[react('mike', GROUP, M1, emoji(99)), react('mike', GROUP, M1, emoji(5))],
        ]),
      ).to.deep.equal(['accepted', 'accepted', 'limit_reached', 'accepted', 'accepted', 'limit_reached']);
    });

    it('refuse a further emoji of the message, but not an existing one, or one after another was removed', () => {
      const harness = fullMessage();
      const last = EMOJI_PER_MESSAGE_MAX - 1;
      expect(
        play(harness, [
          ...[react('mike', GROUP, M1, ':new:'), react('mike', GROUP, M1, emoji(0))],
          ...[unreact('mike', GROUP, M1, emoji(0)), react('mike', GROUP, M1, ':new:')],
          ...[unreact('mike', GROUP, M1, emoji(last)), react('mike', GROUP, M1, ':new:')],
          ...[react('mike', GROUP, M1, emoji(last)), unreact('mike', GROUP, M1, ':new:')],
          react('mike', GROUP, M1, emoji(last)),
        ]),
      ).to.deep.equal([
        ...['limit_reached', 'accepted', 'accepted', 'limit_reached'],
        ...['accepted', 'accepted', 'limit_reached', 'accepted', 'accepted'],
      ]);
    });
  });

  describe(`The limit of a chat's members (${when})`, () => {
    it('refuses whole commands above it, and accepts new members after others left', () => {
      const harness = new DeciderHarness();
      harness.limits.chatMembersMax = 4;
      expect(
        play(harness, [
          create('alice', OTHER_GROUP, ['b1', 'b2', 'b3', 'b4']),
          create('alice', GROUP, ['b1', 'b2', 'b2', 'alice']),
          ...[add('alice', GROUP, ['b3', 'b4']), add('alice', GROUP, ['b1', 'b2', 'b3'])],
          ...[add('alice', GROUP, ['b4']), remove('b3', GROUP, 'b3'), add('alice', GROUP, ['b4'])],
        ]),
      ).to.deep.equal([
        ...['limit_reached', 'accepted', 'limit_reached', 'accepted'],
        ...['limit_reached', 'accepted', 'accepted'],
      ]);
      expect(harness.chat(GROUP).memberCount).to.equal(4);
      expect(harness.chats.has(OTHER_GROUP)).to.equal(false);
    });
  });

  describe(`The limit of a user's chats (${when})`, () => {
    it('refuses to create more chats, and accepts new ones after the user left some', () => {
      const harness = new DeciderHarness();
      harness.limits.userChatsMax = 2;
      expect(
        play(harness, [
          ...[create('alice', chat(1), ['bob']), create('alice', chat(2), ['carol'], { kind: 'channel' })],
          ...[create('alice', chat(3), []), createDirect('alice', 'bob'), createDirect('alice', 'alice')],
          ...[add('alice', chat(1), ['bob'], 'owner'), remove('bob', chat(1), 'bob')],
          ...[add('alice', chat(1), ['dave'], 'owner'), remove('alice', chat(1), 'alice')],
          createDirect('alice', 'bob'),
          create('alice', chat(3), []),
        ]),
      ).to.deep.equal([
        ...['accepted', 'accepted', 'limit_reached', 'limit_reached', 'limit_reached'],
        ...['accepted', 'accepted', 'accepted', 'accepted', 'accepted', 'limit_reached'],
      ]);
    });

    it('refuses to add a user to more chats of others, and names limit, number and user', () => {
      const harness = new DeciderHarness();
      harness.limits.userChatsMax = 2;
      const done = play(harness, [
        ...[create('m1', chat(1), ['victim']), create('m2', chat(2), ['victim'], { kind: 'channel' })],
        ...[create('m3', chat(3), ['bob', 'victim']), create('m3', chat(4), ['bob']), add('m3', chat(4), ['victim'])],
        ...[add('m3', chat(4), ['bob', 'victim', 'carol']), remove('victim', chat(1), 'victim')],
        ...[add('m3', chat(4), ['victim']), add('m1', chat(1), ['victim'])],
      ]);
      expect(done).to.deep.equal([
        ...['accepted', 'accepted', 'limit_reached', 'accepted', 'limit_reached'],
        ...['limit_reached', 'accepted', 'accepted', 'limit_reached'],
      ]);
      expect(harness.member(chat(4), 'carol'), 'all or none').to.equal(undefined);
      const reason = harness.answer(add('m1', chat(1), ['victim'])).reason;
      expect(reason?.title).to.equal('A limit is reached');
      expect(reason?.detail).to.match(/at most 2 .*USER_CHATS_MAX.*victim/);
    });

    it('still permits a user at the limit of joined chats to create chats and to get direct chats', () => {
      const harness = new DeciderHarness();
      harness.limits.userChatsMax = 2;
      play(harness, [create('m1', chat(1), ['victim']), create('m2', chat(2), ['victim'])]);
      expect(
        play(harness, [
          ...['m1', 'm2', 'm3', 'm4'].map((userId) => createDirect(userId, 'victim')),
          ...[create('victim', GROUP, ['bob']), createDirect('victim', 'friend'), create('victim', CHANNEL, [])],
          createDirect('friend', 'victim'),
        ]),
      ).to.deep.equal([...Array(6).fill('accepted'), 'limit_reached', 'accepted']);
    });

    it('counts users per tenant', () => {
      const harness = new DeciderHarness();
      harness.limits.userChatsMax = 1;
      expect(
        play(harness, [
          ...[create('alice', chat(1), ['bob']), create('alice', chat(2), ['bob'], {}, { tenantId: 'acme' })],
          create('carol', chat(3), ['bob'], {}, { tenantId: 'acme' }),
        ]),
      ).to.deep.equal(['accepted', 'accepted', 'limit_reached']);
    });
  });
}

describe('A command that exceeds a limit', () => {
  it('is stored with its decision, and changes nothing', () => {
    const harness = fullMessage();
    const { chats, members } = structuredClone({ chats: harness.chats, members: harness.members });
    const draft = react('mike', GROUP, M1, ':new:');
    const receipt = harness.answer(draft);
    expect(receipt.reason).to.include({ code: 'limit_reached' });
    expect(receipt.reason?.detail).to.match(/at most 50 different emoji \(EMOJI_PER_MESSAGE_MAX\)/);
    expect(harness.decisions.at(-1)).to.include({ decisionId: receipt.decisionId, refusedAs: 'limit_reached' });
    expect(harness.answer(draft)).to.deep.equal({ ...receipt, replayed: true });
    expect({ chats: harness.chats, members: harness.members }).to.deep.equal({ chats, members });
  });

  it('is never checked when sending a message', () => {
    const harness = fullMessage();
    harness.given(send('mary', GROUP));
    expect(harness.written?.userChats.changes).to.deep.equal([]);
  });
});
