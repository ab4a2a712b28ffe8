/** The effects of commands about chats and members in the model. */
import { isDeepStrictEqual } from 'node:util';
import {
  hides,
  type ModelChat,
  type ModelCommand,
  type ModelCommandOf,
  type ModelWorld,
  type Person,
} from './model-world.js';

/** The sequence (null if nothing changed) and the message; or the code of the refusal. */
export type Done = string | { sequence: number | null; messageId?: string };
export const UNCHANGED = { sequence: null };

/** One command of a member in a chat. */
export interface Scene<T extends ModelCommand['type']> {
  world: ModelWorld;
  command: ModelCommandOf<T>;
  chat: ModelChat;
  me: Person;
}

export const manages = ({ role }: Person) => role === 'owner' || role === 'admin';

/** Limits of chats that a user may create, and of groups and channels of others that they may be in. */
export const USER_CHATS_MAX = 5;

/** A direct chat that another user creates is not limited. */
function hasNoRoom(world: ModelWorld, chat: Pick<ModelChat, 'tenant' | 'kind' | 'createdBy'>, user: string): boolean {
  const isOwn = chat.createdBy === user;
  if (!isOwn && chat.kind === 'direct') return false;
  const alike = [...world.chats.values()].filter(
    ({ tenant, kind, createdBy, people }) =>
      tenant === chat.tenant &&
      people.has(user) &&
      (isOwn ? createdBy === user : createdBy !== user && kind !== 'direct'),
  );
  return alike.length >= USER_CHATS_MAX;
}

function newcomer(world: ModelWorld, role: string, joined: number): Person {
  const since = { joinedAt: world.now, joined, roleChanged: 0, readUpTo: joined };
  return { role, mutedUntil: null, ...since, gotUpTo: 0, hiddenAt: null };
}

export function create(world: ModelWorld, command: ModelCommandOf<'chat.create'>): Done {
  const { chatId, tenantId, actorId, data } = command;
  const { kind, memberIds } = data;
  const taken = world.chats.get(chatId);
  if (taken !== undefined) return kind === 'direct' && taken.kind === 'direct' ? UNCHANGED : 'conflict';
  const people = new Map([[actorId, newcomer(world, kind === 'direct' ? 'member' : 'owner', 1)]]);
  for (const user of memberIds) if (!people.has(user)) people.set(user, newcomer(world, 'member', 1));
  const made = { tenant: tenantId, kind, createdBy: actorId };
  if ([...people.keys()].some((user) => hasNoRoom(world, made, user))) return 'limit_reached';
  const { title = null, metadata = {}, historyVisibility: history = 'full' } = data;
  world.chats.set(chatId, {
    ...{
      id: chatId,
      tenant: tenantId,
      partition: world.partition,
      placedAt: 0,
      kind,
      title,
      metadata,
      history,
      historyChanged: 0,
    },
    ...{ createdBy: actorId, createdAt: world.now, archivedAt: null, archiveChanged: 0, people },
    ...{ mutesOfLeavers: new Map(), messages: [] },
  });
  const members = [...people].map(([userId, { role }]) => ({ userId, role }));
  const sequence = world.happened(command, 'chat.created', {
    kind,
    title,
    metadata,
    historyVisibility: history,
    members,
  });
  return { sequence };
}

/** In a direct chat both members may. */
const mayChange = (chat: ModelChat, me: Person) => chat.kind === 'direct' || manages(me);

export function update({ world, command, chat, me }: Scene<'chat.update'>): Done {
  if (!mayChange(chat, me)) return 'not_permitted';
  if (chat.archivedAt !== null) return 'archived';
  const { title = chat.title, metadata = chat.metadata, historyVisibility: history = chat.history } = command.data;
  const wanted = { title, metadata: metadata ?? {}, history };
  if (isDeepStrictEqual(wanted, { title: chat.title, metadata: chat.metadata, history: chat.history }))
    return UNCHANGED;
  const switched = history !== chat.history;
  Object.assign(chat, wanted);
  const { kind } = chat;
  const said = { kind, title, metadata: wanted.metadata, historyVisibility: history };
  const sequence = world.happened(command, 'chat.updated', said);
  if (switched) chat.historyChanged = sequence;
  return { sequence };
}

export function archive({ world, command, chat, me }: Scene<'chat.archive'>): Done {
  if (!mayChange(chat, me)) return 'not_permitted';
  if (chat.archivedAt !== null) return UNCHANGED;
  chat.archivedAt = world.now;
  chat.archiveChanged = world.happened(command, 'chat.archived', {});
  return { sequence: chat.archiveChanged };
}

export function unarchive({ world, command, chat, me }: Scene<'chat.unarchive'>): Done {
  if (!mayChange(chat, me)) return 'not_permitted';
  if (chat.archivedAt === null) return UNCHANGED;
  chat.archivedAt = null;
  chat.archiveChanged = world.happened(command, 'chat.unarchived', {});
  return { sequence: chat.archiveChanged };
}

export function read({ world, command, chat, me }: Scene<'chat.read'>): Done {
  const upTo = Math.min(command.data.upTo, world.lastSequence(chat.id));
  if (upTo <= me.readUpTo) return UNCHANGED;
  me.readUpTo = upTo;
  world.happenedUnnumbered(command, 'chat.read', chat.id, { userId: command.actorId, upTo });
  return UNCHANGED;
}

export function deliver({ world, command, chat, me }: Scene<'chat.delivered'>): Done {
  const upTo = Math.min(command.data.upTo, world.lastSequence(chat.id));
  if (upTo <= me.readUpTo || upTo <= me.gotUpTo) return UNCHANGED;
  me.gotUpTo = upTo;
  world.happenedUnnumbered(command, 'chat.delivered', chat.id, { userId: command.actorId, upTo });
  return UNCHANGED;
}

export function hide({ world, command, chat, me }: Scene<'chat.hide' | 'chat.unhide'>): Done {
  const wanted = command.type === 'chat.hide';
  if (hides(chat, me) === wanted) return UNCHANGED;
  me.hiddenAt = wanted ? chat.messages.length : null;
  world.happenedUnnumbered(command, wanted ? 'chat.hidden' : 'chat.unhidden', chat.id, {});
  return UNCHANGED;
}

export function add({ world, command, chat, me }: Scene<'member.add'>): Done {
  if (chat.kind === 'direct') return 'invalid';
  const { userIds, role = 'member' } = command.data;
  if (!manages(me) || (me.role === 'admin' && role === 'owner')) return 'not_permitted';
  if (chat.archivedAt !== null) return 'archived';
  const fresh = new Set(userIds.filter((user) => !chat.people.has(user)));
  if (fresh.size === 0) return UNCHANGED;
  if ([...fresh].some((user) => hasNoRoom(world, chat, user))) return 'limit_reached';
  const stillMuted = (user: string) => {
    const until = chat.mutesOfLeavers.get(user) ?? null;
    return until !== null && world.now < until ? until : null;
  };
  const members = [...fresh].map((userId) => {
    const mutedUntil = stillMuted(userId)?.toISOString();
    return { userId, role, ...(mutedUntil === undefined ? {} : { mutedUntil }) };
  });
  const sequence = world.happened(command, 'member.added', { members });
  for (const user of fresh) chat.people.set(user, { ...newcomer(world, role, sequence), mutedUntil: stillMuted(user) });
  return { sequence };
}

const isLastOwner = (chat: ModelChat, them: Person) =>
  them.role === 'owner' && [...chat.people.values()].filter(({ role }) => role === 'owner').length === 1;

export function remove({ world, command, chat, me }: Scene<'member.remove'>): Done {
  if (chat.kind === 'direct') return 'invalid';
  const { userId } = command.data;
  const them = chat.people.get(userId);
  const left = userId === command.actorId;
  const mayRemove = me.role === 'owner' || (me.role === 'admin' && (them === undefined || !manages(them)));
  if (!left && !mayRemove) return 'not_permitted';
  if (!left && chat.archivedAt !== null) return 'archived';
  if (them === undefined) return UNCHANGED;
  if (isLastOwner(chat, them) && chat.people.size > 1) return 'conflict';
  chat.people.delete(userId);
  chat.mutesOfLeavers.set(userId, them.mutedUntil);
  return { sequence: world.happened(command, 'member.removed', { userId, left }) };
}

export function updateMember({ world, command, chat, me }: Scene<'member.update'>): Done {
  const { userId, role, mutedUntil } = command.data;
  const them = chat.people.get(userId);
  const adminMay = me.role === 'admin' && them !== undefined && !manages(them) && role !== 'owner';
  if (me.role !== 'owner' && !adminMay) return 'not_permitted';
  if (them === undefined) return 'not_found';
  if (chat.archivedAt !== null) return 'archived';
  const muted = mutedUntil === undefined ? them.mutedUntil : mutedUntil === null ? null : new Date(mutedUntil);
  const wanted = { role: role ?? them.role, mutedUntil: muted };
  if (isDeepStrictEqual(wanted, { role: them.role, mutedUntil: them.mutedUntil })) return UNCHANGED;
  if (wanted.role !== 'owner' && isLastOwner(chat, them)) return 'conflict';
  const isOther = wanted.role !== them.role;
  Object.assign(them, wanted);
  const said = { userId, role: wanted.role, mutedUntil: muted?.toISOString() ?? null };
  const sequence = world.happened(command, 'member.updated', said);
  if (isOther) them.roleChanged = sequence;
  return { sequence };
}
