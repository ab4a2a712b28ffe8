import { expect } from 'chai';
import {
  addMembers,
  archiveChat,
  type Chat,
  createChat,
  firstVisibleSequence,
  isLastOwner,
  type Member,
  mutedUntil,
  removeMember,
  takeMessageSequence,
  unarchiveChat,
  updateChat,
  updateMember,
} from '../../../src/domain/chat.js';

const now = new Date('2026-11-20T20:15:00.123Z');
const later = new Date(now.getTime() + 1);

function group(memberIds: string[] = ['bob']): { chat: Chat; members: Member[] } {
  const draft = {
    chatId: 'c',
    tenantId: 't',
    partition: 1,
    kind: 'group',
    title: null,
    metadata: {},
    historyVisibility: 'full',
    creatorId: 'alice',
  } as const;
  const made = createChat({ ...draft, memberIds }, now);
  // What a rule would change in place by mistake throws.
  for (const part of [made.chat, ...made.members]) Object.freeze(part);
  return made;
}

describe('A chat', () => {
  it('begins with sequence 1 and no messages', () => {
    expect(group().chat).to.include({
      lastSequence: 1,
      lastOrdinal: 0,
      memberCount: 2,
      ownerCount: 1,
      archivedAt: null,
    });
    expect(group().chat).not.to.have.any.keys('creatorId', 'memberIds');
  });

  it('takes the next sequence for every change, but activity and ordinals only for messages', () => {
    const { chat, members } = group();
    const [alice, bob] = members as [Member, Member];
    const said = takeMessageSequence(chat, alice, later).chat;
    const grown = addMembers(said, ['carol'], 'member', later).chat;
    const shrunk = removeMember(grown, bob);
    expect([said, grown, shrunk].map(({ lastSequence }) => lastSequence)).to.deep.equal([2, 3, 4]);
    expect([said, grown, shrunk].map(({ lastOrdinal }) => lastOrdinal)).to.deep.equal([1, 1, 1]);
    expect([said, grown, shrunk].map(({ memberCount }) => memberCount)).to.deep.equal([2, 3, 2]);
    for (const changed of [said, grown, shrunk]) expect(changed.lastActivityAt).to.equal(later);
    expect(addMembers(chat, ['carol'], 'member', later).chat.lastActivityAt).to.equal(now);
    expect(chat).to.include({ lastSequence: 1, memberCount: 2, lastActivityAt: now });
  });

  it('counts owners that join and leave', () => {
    const { chat, members } = group();
    const more = addMembers(chat, ['carol', 'dave'], 'owner', later);
    expect(more.chat.ownerCount).to.equal(3);
    expect(removeMember(more.chat, more.members[0] as Member).ownerCount).to.equal(2);
    expect(removeMember(more.chat, members[1] as Member).ownerCount).to.equal(3);
  });

  it('counts owners when roles change', () => {
    const { chat, members } = group();
    const [alice, bob] = members as [Member, Member];
    const risen = updateMember(chat, bob, { role: 'owner', mutedUntil: null });
    expect([risen.chat.ownerCount, risen.member.role]).to.deep.equal([2, 'owner']);
    expect(updateMember(risen.chat, risen.member, { role: 'owner', mutedUntil: later }).chat.ownerCount).to.equal(2);
    expect(updateMember(risen.chat, alice, { role: 'reader', mutedUntil: null }).chat.ownerCount).to.equal(1);
    expect([chat.ownerCount, bob.role]).to.deep.equal([1, 'member']);
  });

  it('changes only given fields, and records the event that last changed its history visibility', () => {
    const { chat } = group();
    const named = updateChat(chat, { title: 'Tea' });
    expect(named).to.deep.equal({ ...chat, title: 'Tea', lastSequence: 2 });
    const hidden = updateChat(named, { historyVisibility: 'since-joined', metadata: { a: 1 } });
    expect(hidden).to.deep.include({ title: 'Tea', metadata: { a: 1 }, historySequence: 3 });
    expect(updateChat(hidden, { historyVisibility: 'since-joined' }).historySequence).to.equal(3);
    expect(updateChat(hidden, { historyVisibility: 'full' }).historySequence).to.equal(4);
    expect(updateChat(hidden, { title: null })).to.include({ title: null, historyVisibility: 'since-joined' });
  });

  it('is archived at a time, until it is unarchived', () => {
    const { chat } = group();
    const archived = archiveChat(chat, later);
    expect(archived).to.include({ archivedAt: later, lastSequence: 2 });
    expect(unarchiveChat(archived)).to.include({ archivedAt: null, lastSequence: 3 });
  });

  it('reports the loss of its last owner only for its only owner', () => {
    const { chat, members } = group();
    const [alice, bob] = members as [Member, Member];
    expect(isLastOwner(chat, alice)).to.equal(true);
    expect(isLastOwner(chat, bob)).to.equal(false);
    expect(isLastOwner(addMembers(chat, ['carol'], 'owner', later).chat, alice)).to.equal(false);
    expect(isLastOwner({ ...chat, ownerCount: 0 }, bob)).to.equal(false);
  });
});

describe('A member', () => {
  it('has read everything from before joining', () => {
    const { chat, members } = group();
    const said = takeMessageSequence(chat, members[0] as Member, later).chat;
    const [carol] = addMembers(said, ['carol'], 'reader', later).members;
    expect(carol).to.deep.include({
      role: 'reader',
      joinedAt: later,
      joinedSequence: 3,
      readSequence: 3,
      readOrdinal: 1,
      mutedUntil: null,
    });
  });

  it('sees the whole history, or the history from the joining event on', () => {
    expect(firstVisibleSequence({ historyVisibility: 'full' }, { joinedSequence: 7 })).to.equal(1);
    expect(firstVisibleSequence({ historyVisibility: 'since-joined' }, { joinedSequence: 7 })).to.equal(7);
  });

  it('has read their own messages', () => {
    const { chat, members } = group();
    const [alice, bob] = members as [Member, Member];
    const first = takeMessageSequence(chat, bob, later);
    const second = takeMessageSequence(first.chat, alice, later);
    expect(first.sender).to.include({ readSequence: 2, readOrdinal: 1 });
    expect(second.sender).to.include({ readSequence: 3, readOrdinal: 2 });
    expect(second.chat.lastOrdinal - (first.sender?.readOrdinal ?? 0)).to.equal(1);
    expect(alice).to.include({ readSequence: 1, readOrdinal: 0 });
  });

  it('is muted before the given time, not at it', () => {
    expect(mutedUntil({ mutedUntil: null }, now)).to.equal(null);
    expect(mutedUntil({ mutedUntil: later }, now)).to.equal(later);
    expect(mutedUntil({ mutedUntil: now }, now)).to.equal(null);
    expect(mutedUntil({ mutedUntil: now }, later)).to.equal(null);
    expect(mutedUntil(null, now)).to.equal(null);
  });
});
