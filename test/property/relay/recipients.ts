/**
 * Random membership changes, messages and read marks in a chat. A plain model keeps the audience after each event; a
 * relay that renders the events later must list the same recipients.
 */

import { renderEvent } from '../../../src/application/outbox/render-event.js';
import { AudienceReader } from '../../../src/application/policy/chat-audience.js';
import type { BatchWrites } from '../../../src/application/ports/store/command-store.js';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import { AudienceThen } from '../../../src/application/relay/audience-then.js';
import type { Chat, HistoryVisibility, Member, Role } from '../../../src/domain/chat.js';
import type { DomainEvent } from '../../../src/domain/event.js';
import { aChat, aMember, aMessage, anEvent, Owner } from '../../conformance/store/fixtures.js';
import type { StoreHarness } from '../../conformance/store/store-conformance.js';
import { hidingPolicy, mayView } from '../../support/policies/hiding-policy.js';

const USERS = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];
const ROLES: Role[] = ['admin', 'member', 'reader'];
/** Small, so that chats exceed it and shrink again. */
const RECIPIENTS_MAX = 4;
/** The recipients of events, in their order. Null: more than the maximum. */
export type AudiencesOf = (events: readonly LoggedEvent[]) => Promise<(string[] | null)[]>;

interface Moment {
  event: LoggedEvent;
  /** Null: more than the maximum. */
  recipients: string[] | null;
}

/** mulberry32: the same numbers for the same seed. */
export function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Writes one chat with random events, one per batch. */
export async function tellStory(store: StoreHarness, seed: number, length: number): Promise<Moment[]> {
  const random = randomBy(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const owner = await Owner.of(store);
  const moments: Moment[] = [];
  let chat: Chat = aChat({ lastSequence: 0, memberCount: 0, kind: pick(['group', 'channel'] as const) });
  const members = new Map<string, Member>();

  const recipientsOf = (actorId: string, contentSequence: number, removed: string | null): string[] | null => {
    const shown = [...members.values()]
      .filter(({ role }) => mayView({ kind: chat.kind, isArchived: chat.archivedAt !== null }, role))
      .filter(({ joinedSequence }) => chat.historyVisibility === 'full' || joinedSequence <= contentSequence)
      .map(({ userId }) => userId)
      .filter((userId) => userId !== actorId && userId !== removed);
    // Members are not read if there are more than one above the maximum.
    if (members.size > RECIPIENTS_MAX + 1) return null;
    const all = removed === null ? shown : [...shown, removed];
    return all.length > RECIPIENTS_MAX ? null : all.sort();
  };

  async function append(
    event: DomainEvent,
    actorId: string,
    change: Partial<Chat>,
    rows: Partial<BatchWrites>,
  ): Promise<void> {
    const isNew = moments.length === 0;
    const hasSequence = event.type !== 'chat.read';
    await owner.write((position) => {
      const sequence = hasSequence ? chat.lastSequence + 1 : null;
      chat = {
        ...chat,
        ...change,
        ...(sequence === null ? {} : { lastSequence: sequence }),
        memberCount: members.size,
      };
      const logged = anEvent(position + 1, event, { chatId: chat.chatId, sequence, actorId });
      const content = event.type === 'chat.read' ? event.upTo : (sequence ?? 0);
      const removed = event.type === 'member.removed' ? event.userId : null;
      moments.push({ event: logged, recipients: recipientsOf(actorId, content, removed) });
      return { [isNew ? 'chatsCreated' : 'chatsChanged']: [chat], events: [logged], ...rows };
    });
  }
  const join = (userIds: readonly string[], role: Role, sequence = chat.lastSequence + 1) =>
    userIds.map((userId) => {
      const member = aMember(chat, userId, { role, joinedSequence: sequence });
      members.set(userId, member);
      return member;
    });
  const outsiders = () => USERS.filter((userId) => !members.has(userId));
  const someone = () => pick([...members.keys()]);

  const founders = join(['alice', 'bob'], 'member');
  const listed = (joined: readonly Member[]) => joined.map(({ userId, role }) => ({ userId, role }));
  const { kind, title, historyVisibility } = chat;
  const creation = { kind, title, historyVisibility, metadata: {}, members: listed(founders) };
  await append({ type: 'chat.created', ...creation }, 'alice', {}, { membersPut: founders });

  const acts: (() => Promise<void>)[] = [
    async () => {
      const chosen = outsiders().filter(() => random() < 0.5);
      if (chosen.length === 0) return;
      const joined = join(chosen, pick(ROLES));
      await append({ type: 'member.added', members: listed(joined) }, someone(), {}, { membersPut: joined });
    },
    async () => {
      if (members.size < 2) return;
      const userId = someone();
      members.delete(userId);
      const { chatId, tenantId } = chat;
      const removal = (position: number) => ({
        membersRemoved: [{ chatId, userId, tenantId, partition: 0, position, mutedUntil: null }],
      });
      await append({ type: 'member.removed', userId, left: false }, someone(), {}, removal(moments.length + 1));
    },
    async () => {
      const userId = someone();
      const role = pick(ROLES);
      const member: Member = { ...(members.get(userId) as Member), role };
      members.set(userId, member);
      await append({ type: 'member.updated', userId, role, mutedUntil: null }, someone(), {}, { membersPut: [member] });
    },
    async () => {
      const isArchived = chat.archivedAt !== null;
      const archivedAt = isArchived ? null : chat.createdAt;
      await append({ type: isArchived ? 'chat.unarchived' : 'chat.archived' }, someone(), { archivedAt }, {});
    },
    async () => {
      const visibility: HistoryVisibility = chat.historyVisibility === 'full' ? 'since-joined' : 'full';
      const event = { kind: chat.kind, title: null, historyVisibility: visibility, metadata: {} };
      await append({ type: 'chat.updated', ...event }, someone(), { historyVisibility: visibility, title: null }, {});
    },
    async () => {
      const userId = someone();
      const upTo = 1 + Math.floor(random() * chat.lastSequence);
      await append({ type: 'chat.read', userId, upTo }, userId, {}, {});
    },
  ];
  for (let step = 0; step < length; step += 1) {
    await pick(acts)();
    const sender = someone();
    const message = aMessage(chat, chat.lastSequence + 1, { senderId: sender });
    await append({ type: 'message.created', message }, sender, {}, { messages: [message] });
  }
  return moments;
}

/** The recipients as a real relay renders them. */
export function relayed(store: StoreHarness): AudiencesOf {
  const policy = hidingPolicy();
  const audiences = new AudienceThen({
    ...{ log: store.followed, present: store.log, profiles: store.queries, policy, recipientsMax: RECIPIENTS_MAX },
  });
  return async (events) => listedIn(events, await audiences.of(events));
}

/** The planted bug: the members of now. */
export function asOfNow(store: StoreHarness): AudiencesOf {
  const reader = new AudienceReader(store.log, hidingPolicy(), RECIPIENTS_MAX);
  return async (events) => {
    const read = await reader.read([...new Set(events.map(({ chatId }) => chatId ?? ''))]);
    return listedIn(
      events,
      events.map(({ chatId }) => read.get(chatId ?? '') ?? null),
    );
  };
}

function listedIn(
  events: readonly LoggedEvent[],
  audiences: Awaited<ReturnType<AudienceThen['of']>>,
): (string[] | null)[] {
  return events.map((event, index) => {
    const { data } = renderEvent(event, audiences[index] ?? null, { storeId: 'store', recipientsMax: RECIPIENTS_MAX });
    const { recipients } = data as { recipients: string[] | null };
    return recipients === null ? null : [...recipients].sort();
  });
}

/** Events with other recipients than in the model, in deliveries of random sizes. */
export async function faultsOf(moments: readonly Moment[], of: AudiencesOf, seed: number): Promise<string[]> {
  const random = randomBy(seed);
  const faults: string[] = [];
  for (let at = 0; at < moments.length; ) {
    const piece = moments.slice(at, at + 1 + Math.floor(random() * 8));
    const listed = await of(piece.map(({ event }) => event));
    for (const [index, { event, recipients }] of piece.entries())
      if (JSON.stringify(listed[index]) !== JSON.stringify(recipients))
        faults.push(
          `${event.event.type} at ${event.position}: ${JSON.stringify(listed[index])}, not ${JSON.stringify(recipients)}`,
        );
    at += piece.length;
  }
  return faults;
}
