/**
 * Compares the recipients of published events with REST: for every event and user, the user is listed if and only if
 * REST would show the content to that user at the time of publishing.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { MemoryDecisionLog } from '../../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryChatHistory } from '../../../../src/adapters/stores/memory/queries/memory-chat-history.js';
import { MemoryChatQueries } from '../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { eventId } from '../../../../src/application/outbox/render-event.js';
import { CurrentPolicy } from '../../../../src/application/policy/current-policy.js';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { ChatViewing } from '../../../../src/application/policy/view-chat.js';
import type { PolicyDecisionPoint } from '../../../../src/application/ports/policy-decision-point.js';
import { visiblePast } from '../../../../src/application/ports/queries/chat-history.js';
import { userKey } from '../../../../src/application/ports/store/command-store.js';
import type { LoggedEvent } from '../../../../src/application/ports/store/log/event-log.js';
import type { User } from '../../../../src/domain/user.js';
import { Chance } from '../../../property/simulation/virtual-time.js';
import { defaultPolicy, policyWith } from '../../../support/policies/default-policy.js';
import { hidingPolicy } from '../../../support/policies/hiding-policy.js';
import type { Draft } from '../commands/decider-harness.js';
import {
  add,
  archive,
  create,
  edit,
  erase,
  GROUP,
  react,
  read,
  remove,
  send,
  unarchive,
  unreact,
  update,
  updateMember,
  upsert,
} from '../commands/drafts.js';
import { WorkerHarness } from '../processing/worker-harness.js';
import { GatedSink } from './gated-sink.js';

const USERS = ['alice', 'adam', 'bob', 'carol', 'dave'];
const ALL = 10_000;
const SEEDS = 10;
const ROUNDS = 12;
const ACTS_PER_ROUND = 8;

const hidden = (conditions: string) =>
  policyWith(`  - { id: hides, effect: deny, actions: [chat.view], ${conditions}, reason: Hidden. }`);
const HIDDEN_FROM_GUESTS = hidden('subject: { actor.claims.guest: true }');
const POLICIES: PolicyDecisionPoint[] = [
  defaultPolicy(),
  hidingPolicy(),
  HIDDEN_FROM_GUESTS,
  hidden('subject: { actor.userId: [bob, carol] }'),
  hidden('subject: { actor.kind: bot }'),
  // What a token would say is not known to those who publish, nor here to REST: it counts against the member.
  hidden('subject: { actor.token.suspended: true }'),
];

/** A group on a worker whose events wait while the test holds them. */
class Room {
  private checked = 0;
  private constructor(
    readonly harness: WorkerHarness,
    readonly policy: CurrentPolicy,
    readonly sink: GatedSink,
  ) {}

  static async open(data: object = {}): Promise<Room> {
    const policy = new CurrentPolicy(defaultPolicy());
    const sink = new GatedSink();
    const harness = await WorkerHarness.open({ policy, sink });
    await harness.given(create('alice', GROUP, ['bob'], data));
    await harness.published();
    const room = new Room(harness, policy, sink);
    await room.check();
    return room;
  }

  /** Holds events that are committed from now on. */
  async hold(): Promise<void> {
    this.sink.shut();
    // It goes out, and nothing after it.
    await this.harness.given(upsert('alice', { displayName: randomUUID() }));
    const position = this.harness.world.partitions.get(0)?.position ?? 0;
    await this.harness.until('the gate is reached', () => this.sink.events.some(({ id }) => id === `p0/${position}`));
  }

  async release(): Promise<void> {
    this.sink.reopen();
    await this.harness.published();
  }

  /** Commits all of this before any of it goes out, and holds what goes out against REST. */
  async tell(...drafts: Draft[]): Promise<void> {
    await this.hold();
    await this.harness.given(...drafts);
    await this.release();
    await this.check();
  }

  messageIds(): string[] {
    return (this.harness.world.messagesOfChat.get(GROUP) ?? []).map(({ messageId }) => messageId);
  }

  /** Of the events of that type, oldest first. */
  recipientsOf(type: string): (string[] | null)[] {
    return this.sink.events.filter((event) => event.type === type).map(({ body }) => told(body).recipients);
  }

  /** Compares events that were published since the last call with REST at present. */
  async check(): Promise<void> {
    const { world } = this.harness;
    const queries = new MemoryChatQueries(world);
    const history = new MemoryChatHistory(world);
    const viewing = new ChatViewing(queries, new PolicyEnforcementPoint(this.policy), new MemoryDecisionLog(world));
    const everything = await history.listEvents({ chatId: GROUP, userId: 'nobody', fromSequence: 0 }, 0, ALL);
    const inFull = new Map(everything.items.map((logged) => [logged.sequence, logged]));
    const logged = new Map((world.log.get(0) ?? []).map((event) => [eventId(event), event]));
    const views = await Promise.all(
      USERS.map(async (userId) => {
        const viewed = await viewing.viewChat({ tenantId: 'default', userId }, GROUP);
        if (viewed.outcome === 'refused') return { userId, from: Number.POSITIVE_INFINITY, shown: new Map() };
        const past = visiblePast(viewed.view);
        const { items } = await history.listEvents(past, 0, ALL);
        return { userId, from: past.fromSequence, shown: new Map(items.map((event) => [event.sequence, event])) };
      }),
    );
    for (const { id, body } of this.sink.events.slice(this.checked)) {
      const { event, sequence, actorId, chatId } = logged.get(id) as LoggedEvent;
      if (chatId === null) continue;
      const expected = views.filter(({ userId, from, shown }) => {
        if (event.type === 'member.removed' && event.userId === userId) return true;
        // Read marks are not among a chat's events; they show on the messages up to them.
        if (event.type === 'chat.read') return event.upTo >= from;
        return isDeepStrictEqual(shown.get(sequence), inFull.get(sequence));
      });
      const { recipients, forActor, recipientCount } = told(body);
      const what = `${event.type} ${sequence}`;
      const isOwnLeaving = event.type === 'member.removed' && event.userId === actorId;
      const ids = expected.map(({ userId }) => userId).filter((userId) => userId !== actorId || isOwnLeaving);
      expect(recipients?.toSorted(), what).to.deep.equal(ids.sort());
      expect(forActor, what).to.equal(expected.some(({ userId }) => userId === actorId));
      expect(recipientCount, what).to.equal(ids.length);
    }
    this.checked = this.sink.events.length;
  }
}

function told(body: Uint8Array): { recipients: string[] | null; forActor: boolean | null; recipientCount: number } {
  return (JSON.parse(Buffer.from(body).toString()) as { data: ReturnType<typeof told> }).data;
}

describe('Recipients of published events', () => {
  let room: Room;
  const began = async (data: object = {}) => {
    room = await Room.open(data);
  };
  afterEach(() => room.harness.close());

  for (const [what, type, act] of [
    ['an edit', 'message.edited', (id: string) => edit('alice', GROUP, id, {})],
    ['a reaction', 'message.reacted', (id: string) => react('alice', GROUP, id)],
    ['a soft deletion', 'message.deleted', (id: string) => erase('alice', GROUP, id)],
    ['a hard deletion', 'message.deleted', (id: string) => erase('alice', GROUP, id, 'hard')],
  ] as const)
    it(`of ${what} do not list members who joined after the message in a since-joined chat`, async () => {
      await began({ historyVisibility: 'since-joined' });
      await room.tell(send('alice', GROUP, 'before'));
      await room.tell(add('alice', GROUP, ['carol']), send('alice', GROUP, 'after'));
      const [before = '', after = ''] = room.messageIds();
      await room.tell(act(before), act(after));
      expect(room.recipientsOf(type)).to.deep.equal([['bob'], ['bob', 'carol']]);
    });

  it('of a removed reaction do not list members who joined after the message', async () => {
    await began({ historyVisibility: 'since-joined' });
    await room.tell(send('alice', GROUP));
    const [id = ''] = room.messageIds();
    await room.tell(react('alice', GROUP, id), add('alice', GROUP, ['carol']), unreact('alice', GROUP, id));
    expect(room.recipientsOf('message.unreacted')).to.deep.equal([['bob']]);
  });

  it('list no member for messages before their joining, with 200 messages that race it', async () => {
    await began({ historyVisibility: 'since-joined' });
    const sent = Array.from({ length: 200 }, (_, index) => send('alice', GROUP, `${index}`));
    // Not held: the first event is published while the rest is decided.
    await room.harness.given(...sent.slice(0, 160), add('alice', GROUP, ['carol']), ...sent.slice(160));
    await room.harness.published();
    const listed = room.recipientsOf('message.created').map((recipients) => recipients?.includes('carol'));
    expect(listed).to.deep.equal(sent.map((_, index) => index >= 160));
  });

  it('list a member who returned from the second joining on, and for their own leaving', async () => {
    await began({ historyVisibility: 'since-joined' });
    await room.tell(
      ...[send('alice', GROUP), remove('alice', GROUP, 'bob'), send('alice', GROUP)],
      ...[add('alice', GROUP, ['bob']), send('alice', GROUP)],
    );
    expect(room.recipientsOf('message.created')).to.deep.equal([[], [], ['bob']]);
    expect(room.recipientsOf('member.removed')).to.deep.equal([['bob']]);
    expect(room.recipientsOf('member.added')).to.deep.equal([['bob']]);
  });

  it('list a member who was removed before publishing only for the removal', async () => {
    await began();
    await room.tell(send('alice', GROUP), add('alice', GROUP, ['carol']), remove('alice', GROUP, 'bob'));
    expect(room.recipientsOf('message.created')).to.deep.equal([['carol']]);
    expect(room.recipientsOf('member.removed')).to.deep.equal([['carol', 'bob']]);
  });

  it('use the history visibility at publishing', async () => {
    await began({ historyVisibility: 'since-joined' });
    await room.tell(send('alice', GROUP));
    const [id = ''] = room.messageIds();
    const change = (historyVisibility: string) => update('alice', GROUP, { historyVisibility });
    const say = (body: string) => edit('alice', GROUP, id, { body });
    await room.tell(add('alice', GROUP, ['carol']), say('1'));
    await room.tell(say('2'), change('full'));
    await room.tell(change('since-joined'), say('3'), change('full'), say('4'));
    await room.tell(say('5'), change('since-joined'));
    const [one, all] = [['bob'], ['bob', 'carol']];
    expect(room.recipientsOf('message.edited')).to.deep.equal([one, all, all, all, one]);
  });

  it('omit members who may not view the chat, by role or state', async () => {
    await began();
    room.policy.replace(hidingPolicy());
    const carolAs = (role: string) => updateMember('alice', GROUP, 'carol', { role });
    await room.tell(add('alice', GROUP, ['carol'], 'reader'), add('alice', GROUP, ['adam'], 'admin'));
    await room.tell(send('alice', GROUP));
    await room.tell(carolAs('member'), send('alice', GROUP));
    await room.tell(send('alice', GROUP), carolAs('reader'));
    const [two, three] = [
      ['adam', 'bob'],
      ['adam', 'bob', 'carol'],
    ];
    expect(room.recipientsOf('message.created')).to.deep.equal([two, three, two]);
    await room.tell(archive('alice', GROUP));
    await room.tell(unarchive('alice', GROUP));
    expect(room.recipientsOf('chat.archived')).to.deep.equal([['adam']]);
    expect(room.recipientsOf('chat.unarchived')).to.deep.equal([two]);
  });

  it('use the policy and the profiles at publishing', async () => {
    await began();
    await room.tell(add('alice', GROUP, ['carol']), send('alice', GROUP));
    await room.hold();
    await room.harness.given(send('alice', GROUP));
    room.policy.replace(HIDDEN_FROM_GUESTS);
    setProfile(room, 'carol', { claims: { guest: true } });
    await room.release();
    await room.check();
    setProfile(room, 'bob', { claims: { guest: true } });
    setProfile(room, 'carol', { claims: {} });
    await room.tell(send('alice', GROUP));
    expect(room.recipientsOf('message.created')).to.deep.equal([['bob', 'carol'], ['bob'], ['carol']]);
  });
});

/** As another partition's owner writes it. */
function setProfile({ harness }: Room, userId: string, what: Partial<Pick<User, 'kind' | 'claims'>>): void {
  const at = new Date();
  harness.world.users.set(userKey({ tenantId: 'default', userId }), {
    ...{ tenantId: 'default', userId, displayName: userId, avatarUrl: null, kind: 'human', metadata: {} },
    ...{ presence: 'shared', claims: {} },
    ...{ revision: 1, createdAt: at, updatedAt: at, ...what },
  });
}

describe('Recipients of random events', function () {
  this.timeout(SEEDS * 4_000);

  for (let seed = 1; seed <= SEEDS; seed += 1)
    it(`are the members who see them over REST (${seed})`, async () => {
      const chance = new Chance(seed, 'recipients');
      const room = await Room.open({ historyVisibility: chance.pick(['full', 'since-joined']) });
      try {
        await room.tell(add('alice', GROUP, ['adam'], 'admin'));
        for (let round = 0; round < ROUNDS; round += 1) await play(room, chance);
      } finally {
        room.sink.reopen();
        await room.harness.close();
      }
    });

  async function play(room: Room, chance: Chance): Promise<void> {
    await room.hold();
    const drafts = Array.from({ length: 1 + chance.below(ACTS_PER_ROUND) }, () => act(room, chance));
    if (chance.is(0.5)) await room.harness.answers(...drafts);
    else for (const draft of drafts) await room.harness.answers(draft);
    if (chance.is(0.4)) room.policy.replace(chance.pick(POLICIES));
    const claims = { guest: chance.is(0.5) };
    if (chance.is(0.3)) setProfile(room, chance.pick(USERS), { kind: chance.pick(['human', 'bot']), claims });
    await room.release();
    await room.check();
  }

  function act(room: Room, chance: Chance): Draft {
    const actor = chance.pick(USERS);
    const leader = chance.pick(['alice', 'adam']);
    const other = chance.pick(USERS.slice(1));
    const messages = room.harness.world.messagesOfChat.get(GROUP) ?? [];
    const said = messages[chance.below(messages.length)];
    const { messageId = GROUP, senderId = actor } = said ?? {};
    switch (chance.below(16)) {
      case 0:
      case 1:
        return add(leader, GROUP, [other]);
      case 2:
        return remove(leader, GROUP, other);
      case 3:
        return remove(other, GROUP, other);
      case 4:
        return updateMember('alice', GROUP, other, { role: chance.pick(['reader', 'member', 'admin']) });
      case 5:
        return update(leader, GROUP, { historyVisibility: chance.pick(['full', 'since-joined']) });
      case 6:
        return chance.is(0.4) ? archive('alice', GROUP) : unarchive('alice', GROUP);
      case 7:
        return unarchive('alice', GROUP);
      case 8:
        return read(actor, GROUP, 1 + chance.below(60));
      case 9:
        return react(actor, GROUP, messageId);
      case 10:
        return unreact(actor, GROUP, messageId);
      case 11:
        return erase(senderId, GROUP, messageId, chance.pick(['soft', 'hard']));
      case 12:
      case 13:
        return edit(senderId, GROUP, messageId, { body: `${chance.next()}` });
      default:
        return send(actor, GROUP, `${chance.next()}`);
    }
  }
});
