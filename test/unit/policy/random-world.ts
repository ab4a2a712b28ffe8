/** Chats of two tenants with the same user ids in both, written to a store as batches would. */
import fc from 'fast-check';
import type { Cut } from '../../../src/application/ports/queries/sync-log.js';
import type { Chat, Role } from '../../../src/domain/chat.js';
import { membershipStateOf } from '../../../src/domain/membership-state.js';
import type { Message } from '../../../src/domain/message.js';
import type { User } from '../../../src/domain/user.js';
import { AT, aChatWithMessages, aMember, anEvent, aUser, later, Owner } from '../../conformance/store/fixtures.js';
import type { StoreHarness } from '../../conformance/store/store-conformance.js';
import { claims, TENANTS } from './random-policy.js';

/** In every message; the other word of each is its chat's own. */
export const COMMON_WORD = 'tea';
const USERS = ['ann', 'ben', 'cyd', 'dot'];
const CHATS = { minLength: 24, maxLength: 40 };
const LEFT_CHATS = { minLength: 4, maxLength: 10 };
const MESSAGES_MAX = 3;
const HOUR_MS = 3_600_000;
/** Before all that happens, in hours. */
const BEGINNING = -200;

const role = fc.constantFrom<Role>('owner', 'admin', 'member', 'reader');
const chatSpec = fc.record({
  tenantId: fc.constantFrom(...TENANTS),
  kind: fc.constantFrom<Chat['kind']>('direct', 'group', 'channel'),
  isArchived: fc.boolean(),
  /** By user; null: not in it. */
  roles: fc.tuple(...USERS.map(() => fc.option(role, { freq: 4 }))),
  unread: fc.tuple(...USERS.map(() => fc.nat(MESSAGES_MAX))),
  messages: fc.nat(MESSAGES_MAX),
  /** Few enough that some are the same, in hours. */
  activity: fc.nat(5),
  saidAt: fc.integer({ min: BEGINNING + 1, max: -1 }),
  isLate: fc.boolean(),
});
type ChatSpec = typeof chatSpec extends fc.Arbitrary<infer T> ? T : never;

const profile = fc.record({ kind: fc.constantFrom<User['kind']>('human', 'bot', 'service'), claims });

/** A chat of one, who leaves it late. */
const leftSpec = fc.record({
  tenantId: fc.constantFrom(...TENANTS),
  kind: fc.constantFrom<Chat['kind']>('group', 'channel'),
  isArchived: fc.boolean(),
  user: fc.nat(USERS.length - 1),
  role,
});
type LeftSpec = typeof leftSpec extends fc.Arbitrary<infer T> ? T : never;

export const worldSpec = fc.record({
  left: fc.array(leftSpec, { ...LEFT_CHATS, size: 'max' }),
  chats: fc.array(chatSpec, { ...CHATS, size: 'max' }),
  /** By tenant and user; null: has none. */
  profiles: fc.tuple(...TENANTS.flatMap(() => USERS.map(() => fc.option(profile, { freq: 4 })))),
});
export type WorldSpec = typeof worldSpec extends fc.Arbitrary<infer T> ? T : never;

/** One chat, from the side of one who was in it. */
export interface LeftRow {
  userId: string;
  role: Role;
  chat: Chat;
}

/** One chat, from the side of one who is in it. */
export interface Row extends LeftRow {
  unread: number;
  messages: Message[];
  isLate: boolean;
}

export interface World {
  people: { tenantId: string; userId: string; profile: Pick<User, 'kind' | 'claims'> | null }[];
  rows: Row[];
  /** As they were when they were left. */
  left: LeftRow[];
  chats: Chat[];
  /** The cursor before the late items. */
  middle: Cut;
}

let worlds = 0;

/** Writes the data for new users, whatever else the store holds. */
export async function writeWorld(store: StoreHarness, { chats, left, profiles }: WorldSpec): Promise<World> {
  worlds += 1;
  const owner = await Owner.of(store);
  const people = TENANTS.flatMap((tenantId, tenant) =>
    USERS.map((name, index) => ({
      tenantId,
      userId: `${name}-${worlds}`,
      profile: profiles[tenant * USERS.length + index] ?? null,
    })),
  );
  await owner.write(() => ({
    users: people.flatMap(({ tenantId, userId, profile: known }) =>
      known === null ? [] : [{ user: aUser(userId, { tenantId, ...known }), previousRevision: 0 }],
    ),
  }));
  const early = await writeChats(
    owner,
    chats.filter(({ isLate }) => !isLate),
  );
  const leave = await writeLeftChats(owner, left);
  const middle = await store.sync.cut();
  const leftRows = await leave();
  const late = await writeChats(
    owner,
    chats.filter(({ isLate }) => isLate),
  );
  return {
    ...{ people, middle, rows: [...early.rows, ...late.rows], left: leftRows },
    chats: [...early.chats, ...late.chats, ...leftRows.map(({ chat }) => chat)],
  };
}

/** The answer leaves them. */
async function writeLeftChats(owner: Owner, specs: LeftSpec[]): Promise<() => Promise<LeftRow[]>> {
  const rows: LeftRow[] = [];
  for (const { tenantId, kind, isArchived, user, role: own } of specs)
    await owner.write((at) => {
      const over = { tenantId, kind, archivedAt: isArchived ? AT : null, lastPosition: at + 1 };
      const { chat, events } = aChatWithMessages(at, 0, over);
      const userId = `${USERS[user]}-${worlds}`;
      rows.push({ userId, role: own, chat });
      return { events, chatsCreated: [chat], membersPut: [aMember(chat, userId, { role: own })] };
    });
  return async () => {
    for (const row of rows)
      await owner.write((at) => {
        const { chat, userId, role: own } = row;
        const { chatId, tenantId } = chat;
        const state = membershipStateOf(chat.archivedAt !== null, own);
        return {
          chatsChanged: [{ ...chat, lastSequence: 2, lastPosition: at + 1, memberCount: 0 }],
          membersRemoved: [{ tenantId, chatId, userId, partition: 0, position: at + 1, mutedUntil: null }],
          membershipStatesEnded: [{ tenantId, chatId, userId, state, until: 2 }],
          events: [anEvent(at + 1, { type: 'member.removed', userId, left: true }, { chatId, tenantId, sequence: 2 })],
        };
      });
    return rows;
  };
}

async function writeChats(owner: Owner, specs: ChatSpec[]): Promise<{ rows: Row[]; chats: Chat[] }> {
  const { made } = await owner.write((start) => {
    let position = start;
    const parts = specs.map((spec) => {
      const part = chatOf(position, spec);
      position += part.events.length;
      return part;
    });
    return {
      made: parts,
      chatsCreated: parts.map(({ chat }) => chat),
      membersPut: parts.flatMap(({ chat, rows }) =>
        rows.map((row) =>
          aMember(chat, row.userId, {
            role: row.role,
            readOrdinal: chat.lastOrdinal - row.unread,
            readSequence: chat.lastSequence - row.unread,
          }),
        ),
      ),
      messages: parts.flatMap(({ messages }) => messages),
      events: parts.flatMap(({ events }) => events),
    };
  });
  return { rows: made.flatMap(({ rows }) => rows), chats: made.map(({ chat }) => chat) };
}

function chatOf(position: number, { tenantId, kind, isArchived, roles, unread, activity, saidAt, ...spec }: ChatSpec) {
  const { chat, messages, events } = aChatWithMessages(position, spec.messages, {
    tenantId,
    kind,
    archivedAt: isArchived ? AT : null,
    createdAt: later(BEGINNING * HOUR_MS),
    lastActivityAt: later(activity * HOUR_MS),
    lastPosition: position + spec.messages + 1,
  });
  const said = messages.map((message) => ({
    ...message,
    body: `${COMMON_WORD} word${chat.chatId.replaceAll('-', '')}`,
    createdAt: later(saidAt * HOUR_MS),
  }));
  const rows = roles.flatMap((one, index): Row[] =>
    one === null
      ? []
      : [
          {
            userId: `${USERS[index]}-${worlds}`,
            role: one,
            unread: Math.min(unread[index] ?? 0, spec.messages),
            ...{ chat, messages: said, isLate: spec.isLate },
          },
        ],
  );
  return { chat, messages: said, events, rows };
}
