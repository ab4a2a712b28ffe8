/** Converts a random intention to a command, by the present state of the model. */
import { directChatId } from '../../../src/contract/messages/direct-chat-id.js';
import { refusal } from '../../../src/contract/messages/problems.js';
import type { Draft } from '../../unit/application/commands/decider-harness.js';
import { CHANNEL, GROUP, NOWHERE, OTHER_GROUP } from '../../unit/application/commands/drafts.js';
import { type Act, type Intent, type MessageChoice, PEOPLE, type Place, WORDS } from './intents.js';
import { manages } from './model-of-chats.js';
import type { ModelChat, ModelCommand, ModelCommandOf, ModelWorld, Person } from './model-world.js';

const OTHER_CHANNEL = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d13';
const LATER_GROUP = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d14';
const LATER_CHANNEL = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d15';
const PLACES = [GROUP, GROUP, OTHER_GROUP, OTHER_GROUP, CHANNEL, OTHER_CHANNEL, LATER_GROUP, LATER_CHANNEL] as const;

export function chatAt(place: Place, tenantId: string, userId: string): string {
  return typeof place === 'number' ? (PLACES[place] ?? GROUP) : directChatId(tenantId, userId, place.with);
}

function messageAt(world: ModelWorld, chatId: string, { back, misplaced }: MessageChoice, act: Act['do']): string {
  if (misplaced === 'nowhere') return NOWHERE;
  const ofChat = world.chats.get(chatId)?.messages ?? [];
  const reactedTo = ofChat.filter(({ reactions }) => reactions.length > 0);
  const among =
    misplaced === 'elsewhere' ? world.messages : act === 'unreact' && reactedTo.length > 0 ? reactedTo : ofChat;
  return among.at(-1 - back)?.id ?? among[0]?.id ?? NOWHERE;
}

/** The actor of the intention: the person itself, or the next suitable member by name. */
function actorOf({ actor: { person, among }, place, tenant, act }: Intent, world: ModelWorld): string {
  const chat = world.chats.get(chatAt(place, tenant, person));
  if (among === 'all' || chat === undefined) return person;
  const members = [...chat.people.keys()].sort();
  const fitting = members.filter((user) => fits(user, chat, act, world));
  const meant = among === 'fitting' && fitting.length > 0 ? fitting : members;
  return meant.find((user) => user >= person) ?? meant[0] ?? person;
}

/** Whether the command is likely to be permitted. */
function fits(user: string, chat: ModelChat, act: Act, world: ModelWorld): boolean {
  const message =
    'message' in act ? chat.messages.find(({ id }) => id === messageAt(world, chat.id, act.message, act.do)) : null;
  switch (act.do) {
    case 'edit':
    case 'erase':
      return message?.sender === user;
    case 'unreact':
      return message?.reactions.some((reaction) => reaction.user === user) === true;
    case 'say':
    case 'react':
    case 'read':
    case 'deliver':
    case 'hide':
    case 'unhide':
      return chat.kind !== 'channel' || manages(chat.people.get(user) as Person);
    default:
      return manages(chat.people.get(user) as Person);
  }
}

/** `earlier`: all commands so far. */
export function commandOf(intent: Intent, world: ModelWorld, earlier: readonly ModelCommand[]): ModelCommand {
  const { tenant, isAuthenticated, knownProducer, place, again } = intent;
  const reused = again === null ? undefined : earlier.at(-1 - again.back);
  if (reused !== undefined && again?.whole === true) return { ...reused, isAuthenticated };
  const actorId = reused?.actorId ?? actorOf(intent, world);
  const tenantId = reused?.tenantId ?? tenant;
  const commandId = reused?.commandId ?? `c-${earlier.length}`;
  const about = { commandId, tenantId, actorId, isAuthenticated, knownProducer };
  const chatId = chatAt(place, tenantId, actorId);
  return { ...about, ...contentOf(intent, world, chatId) } as ModelCommand;
}

function contentOf(
  { act, place, actor }: Intent,
  world: ModelWorld,
  chatId: string,
): Pick<ModelCommand, 'type' | 'chatId' | 'data'> {
  const there = (choice: MessageChoice) => messageAt(world, chatId, choice, act.do);
  // Without a chat or a message, the command creates one.
  if (!world.chats.has(chatId) && actor.among !== 'all' && act.do === 'say') return newChat(place, chatId);
  const isSilent = (world.chats.get(chatId)?.messages.length ?? 0) === 0;
  if ('message' in act && act.message.misplaced === null && isSilent)
    return { type: 'message.send', chatId, data: { body: WORDS[0] } };
  switch (act.do) {
    case 'say': {
      const inReplyTo = act.inReplyTo === null || isSilent ? {} : { inReplyTo: there(act.inReplyTo) };
      const thread = act.threadRoot === null || isSilent ? {} : { threadRootId: there(act.threadRoot) };
      return { type: 'message.send', chatId, data: { body: act.body, ...inReplyTo, ...thread, ...act.with } };
    }
    case 'edit':
      return { type: 'message.edit', chatId, data: { messageId: there(act.message), body: act.body, ...act.with } };
    case 'erase':
      return { type: 'message.delete', chatId, data: { messageId: there(act.message), mode: act.mode } };
    case 'react':
    case 'unreact':
      return { type: `message.${act.do}`, chatId, data: { messageId: there(act.message), emoji: act.emoji } };
    case 'read':
      return { type: 'chat.read', chatId, data: { upTo: Math.max(0, world.lastSequence(chatId) - act.back) } };
    case 'deliver':
      return { type: 'chat.delivered', chatId, data: { upTo: Math.max(0, world.lastSequence(chatId) - act.back) } };
    case 'create': {
      const direct = typeof place === 'object' && act.kind !== 'channel';
      const chosen = direct ? { kind: 'direct', memberIds: [place.with] } : { kind: act.kind, memberIds: act.others };
      return { type: 'chat.create', chatId, data: { ...chosen, ...act.with } };
    }
    case 'update':
      return { type: 'chat.update', chatId, data: act.change };
    case 'archive':
    case 'unarchive':
    case 'hide':
    case 'unhide':
      return { type: `chat.${act.do}`, chatId, data: {} };
    case 'add':
      return {
        type: 'member.add',
        chatId,
        data: { userIds: act.users, ...(act.role === null ? {} : { role: act.role }) },
      };
    case 'remove':
      return { type: 'member.remove', chatId, data: { userId: act.user } };
    case 'alter': {
      const { user, role, muteMs } = act;
      const until = typeof muteMs === 'number' ? new Date(world.now.getTime() + muteMs).toISOString() : muteMs;
      const mute = until === undefined ? {} : { mutedUntil: until };
      return { type: 'member.update', chatId, data: { userId: user, ...(role === null ? {} : { role }), ...mute } };
    }
    case 'introduce': {
      const { displayName, kind, metadata, presence } = act;
      const more = {
        ...(kind === null ? {} : { kind }),
        ...(metadata === null ? {} : { metadata }),
        ...(presence === null ? {} : { presence }),
      };
      return { type: 'user.upsert', chatId: null, data: { displayName, ...more } };
    }
    case 'shout':
      return { type: 'message.shout', chatId, data: {} };
  }
}

function newChat(place: Place, chatId: string): Pick<ModelCommandOf<'chat.create'>, 'type' | 'chatId' | 'data'> {
  const data =
    typeof place === 'number'
      ? { kind: 'group' as const, memberIds: [...PEOPLE.slice(0, 4)] }
      : { kind: 'direct' as const, memberIds: [place.with] };
  return { type: 'chat.create', chatId, data };
}

/** The same command for the real implementation. */
export function draftOf({
  type,
  commandId,
  tenantId,
  actorId,
  chatId,
  data,
  isAuthenticated,
  knownProducer,
}: ModelCommand): Draft {
  return {
    ...{ type, commandId, body: { tenantId, actorId, ...(chatId === null ? {} : { chatId }), data } },
    ...(knownProducer ? { properties: { userId: 'known-producer' } } : {}),
    ...(isAuthenticated ? {} : { unauthenticated: refusal('unauthenticated') }),
  };
}

const MUTED_UNTIL = '2025-06-02T12:00:00.000Z';

/**
 * Two groups and two channels with every role, one of each with the history visibility `since-joined`. One member is
 * muted.
 */
export function seeds(): ModelCommand[] {
  const chats = [
    [GROUP, 'group', 'full'],
    [OTHER_GROUP, 'group', 'since-joined'],
    [CHANNEL, 'channel', 'full'],
    [OTHER_CHANNEL, 'channel', 'since-joined'],
  ] as const;
  const about = { tenantId: 'default', actorId: 'alice', isAuthenticated: true, knownProducer: false };
  return chats.flatMap(([chatId, kind, historyVisibility]): ModelCommand[] => [
    {
      ...{ ...about, type: 'chat.create', chatId, commandId: `s1-${chatId}` },
      data: { kind, historyVisibility, memberIds: ['bob', 'carol'] },
    },
    { ...about, type: 'member.add', chatId, commandId: `s2-${chatId}`, data: { userIds: ['dave'], role: 'admin' } },
    { ...about, type: 'member.add', chatId, commandId: `s3-${chatId}`, data: { userIds: ['erin'], role: 'reader' } },
    {
      ...{ ...about, type: 'member.update', chatId, commandId: `s4-${chatId}` },
      data: { userId: 'carol', mutedUntil: MUTED_UNTIL },
    },
  ]);
}
