import { expect } from 'chai';
import { RecipientsCache } from '../../../../src/application/outbox/recipients-cache.js';
import { AudienceReader } from '../../../../src/application/policy/chat-audience.js';
import { CurrentPolicy } from '../../../../src/application/policy/current-policy.js';
import type { ChatMember, ChatMembers, EventLog } from '../../../../src/application/ports/store/log/event-log.js';
import type { DomainEvent } from '../../../../src/domain/event.js';
import { defaultPolicy, policyWith } from '../../../support/policies/default-policy.js';
import { GROUP, OTHER_GROUP } from '../commands/drafts.js';
import { logged, message } from './logged-events.js';

const text = logged({ type: 'message.created', message });
const elsewhere = logged({ type: 'message.created', message }, { chatId: OTHER_GROUP });
const added = logged({ type: 'member.added', members: [{ userId: 'carol', role: 'member' }] });

/** The members as read from the log. A test can delay the reads. */
class HeldLog {
  members: Record<string, string[]> = { [GROUP]: ['alice', 'bob'], [OTHER_GROUP]: ['dave'] };
  /** Other fields of the chats. */
  traits: Partial<ChatMembers> = {};
  ofEachMember: Partial<ChatMember> = {};
  readonly asked: string[][] = [];
  /** Whether profiles were asked for, the last time. */
  withProfiles = false;
  private gate: Promise<void> = Promise.resolve();

  hold(): () => void {
    let release: () => void = () => undefined;
    this.gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  /** Until it is ended, nothing can be read. */
  fail(error: Error): () => void {
    this.gate = Promise.reject(error);
    this.gate.catch(() => undefined);
    return () => {
      this.gate = Promise.resolve();
    };
  }

  readonly log = {
    recipients: async (chatIds: readonly string[], max: number, withProfiles: boolean) => {
      this.asked.push([...chatIds]);
      this.withProfiles = withProfiles;
      const found = chatIds.flatMap((chatId): [string, ChatMembers][] => {
        const ids = this.members[chatId];
        if (ids === undefined) return [];
        const memberCount = ids.length;
        const member = { role: 'member' as const, joinedSequence: 1, ...this.ofEachMember };
        const members = memberCount > max ? null : ids.map((userId) => ({ userId, ...member }));
        const chat = {
          tenantId: 'default',
          kind: 'group' as const,
          archived: false,
          historyVisibility: 'full' as const,
        };
        return [[chatId, { ...chat, memberCount, members, ...this.traits }]];
      });
      await this.gate;
      return new Map(found);
    },
  } as unknown as EventLog; // only recipients are asked for
}

describe('The recipients of events', () => {
  let held: HeldLog;
  let cache: RecipientsCache;
  let policy: CurrentPolicy;
  beforeEach(() => {
    held = new HeldLog();
    policy = new CurrentPolicy(defaultPolicy());
    cache = new RecipientsCache(new AudienceReader(held.log, policy, 3));
  });

  const membersOf = async (event = text) => (await cache.lookUp([event])).get(event.chatId ?? '')?.viewers;

  it('are read once per chat, for many events at a time', async () => {
    const found = await cache.lookUp([text, elsewhere, text, logged({ type: 'message.created', message })]);
    expect([...found.keys()]).to.have.members([GROUP, OTHER_GROUP]);
    await cache.lookUp([elsewhere, text]);
    expect(held.asked).to.deep.equal([[GROUP, OTHER_GROUP]]);
  });

  const others: DomainEvent[] = [
    added.event,
    { type: 'member.removed', userId: 'bob', left: true },
    { type: 'member.updated', userId: 'bob', role: 'reader', mutedUntil: null },
    { type: 'chat.created', kind: 'group', title: null, historyVisibility: 'full', metadata: {}, members: [] },
    { type: 'chat.updated', kind: 'group', title: null, historyVisibility: 'since-joined', metadata: {} },
    { type: 'chat.archived' },
    { type: 'chat.unarchived' },
  ];
  for (const event of others)
    it(`are read again after ${event.type}, only for that chat`, async () => {
      await cache.lookUp([text, elsewhere]);
      held.members[GROUP] = ['zoe'];
      cache.noteCommitted([logged(event)]);
      expect(await membersOf()).to.deep.equal(['zoe']);
      await cache.lookUp([elsewhere]);
      expect(held.asked).to.deep.equal([[GROUP, OTHER_GROUP], [GROUP]]);
    });

  it('are not read again after a message', async () => {
    await membersOf();
    cache.noteCommitted([text]);
    await membersOf();
    expect(held.asked).to.have.length(1);
  });

  it('are not cached if they changed during the read', async () => {
    const release = held.hold();
    const before = cache.lookUp([text, elsewhere]);
    held.members[GROUP] = ['alice', 'bob', 'carol'];
    cache.noteCommitted([added]);
    release();
    expect((await before).get(GROUP)?.viewers).to.deep.equal(['alice', 'bob']);
    expect(await membersOf()).to.deep.equal(['alice', 'bob', 'carol']);
    await cache.lookUp([text, elsewhere]);
    expect(held.asked, 'the other chat is kept').to.deep.equal([[GROUP, OTHER_GROUP], [GROUP]]);
  });

  it('are not read again if they were prefetched or are being read', async () => {
    await cache.prefetch([GROUP, GROUP]);
    const release = held.hold();
    const ahead = cache.prefetch([GROUP, OTHER_GROUP]);
    const found = cache.lookUp([text, elsewhere]);
    release();
    expect((await found).get(OTHER_GROUP)?.viewers).to.deep.equal(['dave']);
    await ahead;
    await cache.lookUp([text, elsewhere]);
    expect(held.asked).to.deep.equal([[GROUP], [OTHER_GROUP]]);
  });

  it('are read again after a change, if they were prefetched before', async () => {
    const release = held.hold();
    const ahead = cache.prefetch([GROUP]);
    held.members[GROUP] = ['alice', 'bob', 'carol'];
    cache.noteCommitted([added]);
    const after = cache.lookUp([text]);
    release();
    await ahead;
    expect((await after).get(GROUP)?.viewers).to.deep.equal(['alice', 'bob', 'carol']);
    expect(await membersOf(), 'the later reading is kept').to.deep.equal(['alice', 'bob', 'carol']);
    expect(held.asked).to.deep.equal([[GROUP], [GROUP]]);
  });

  it('are read at the lookup if the prefetch failed', async () => {
    const release = held.fail(new Error('away'));
    expect(await cache.prefetch([GROUP]).catch((error: Error) => error.message)).to.equal('away');
    release();
    expect(await membersOf()).to.deep.equal(['alice', 'bob']);
  });

  it('are read up to one more than listed, because the actor is removed later; above, only their number', async () => {
    held.members[GROUP] = ['a', 'b', 'c', 'd'];
    expect(await membersOf()).to.deep.equal(['a', 'b', 'c', 'd']);
    held.members[GROUP] = ['a', 'b', 'c', 'd', 'e'];
    cache.noteCommitted([added]);
    expect((await cache.lookUp([text])).get(GROUP)).to.deep.include({ viewers: null, memberCount: 5 });
  });

  it('are the members who may view the chat by the policy; another policy reads them again', async () => {
    const hiding = (conditions: string) =>
      policyWith(`  - { id: hides, effect: deny, actions: [chat.view], ${conditions}, reason: Hidden. }`);
    held.ofEachMember = { role: 'reader' };
    expect(await membersOf()).to.deep.equal(['alice', 'bob']);
    policy.replace(hiding('subject: { role: reader }'));
    expect(await membersOf()).to.deep.equal([]);
    policy.replace(hiding('subject: { actor.userId: [bob] }'));
    expect(await membersOf()).to.deep.equal(['alice']);
    policy.replace(hiding('when: { chat.archived: true }'));
    expect(await membersOf()).to.deep.equal(['alice', 'bob']);
    held.traits = { archived: true };
    cache.noteCommitted([logged({ type: 'chat.archived' })]);
    expect(await membersOf()).to.deep.equal([]);
    policy.replace(defaultPolicy());
    expect(await membersOf()).to.deep.equal(['alice', 'bob']);
  });

  it('are decided and cached by a policy that was replaced during the read', async () => {
    const release = held.hold();
    const found = membersOf();
    policy.replace(policyWith('  - { id: hides, effect: deny, actions: [chat.view], reason: Hidden. }'));
    release();
    expect(await found).to.deep.equal([]);
    policy.replace(defaultPolicy());
    expect(await membersOf()).to.deep.equal(['alice', 'bob']);
  });

  it('are read each time if the policy uses profiles, which change in other partitions', async () => {
    policy.replace(
      policyWith(
        '  - { id: hides, effect: deny, actions: [chat.view], subject: { actor.claims.guest: true }, reason: Hidden. }',
      ),
    );
    held.ofEachMember = { profile: { kind: 'human', claims: { guest: true } } };
    expect(await membersOf()).to.deep.equal([]);
    held.ofEachMember = { profile: null };
    expect(await membersOf()).to.deep.equal(['alice', 'bob']);
    expect(held.withProfiles).to.equal(true);
    await cache.prefetch([GROUP]);
    expect(held.asked).to.deep.equal([[GROUP], [GROUP]]);
  });

  it('are empty for an unknown chat and for events without a chat', async () => {
    const none = logged({ type: 'command.rejected', receipt: {} });
    const unknown = logged({ type: 'message.created', message }, { chatId: 'nowhere' });
    expect((await cache.lookUp([none, unknown])).size).to.equal(0);
  });
});
