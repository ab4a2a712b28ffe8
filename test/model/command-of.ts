/** From a random intention to the command that the world, as it is by then, gives a meaning to. */
import { directChatId } from '../../src/contract/direct-id.js';
import { refusal } from '../../src/contract/problems.js';
import { CHANNEL, GROUP, NOWHERE, OTHER_GROUP } from '../application/drafts.js';
import type { Draft } from '../application/stage.js';
import type { Intent, MessageChoice, Place } from './intents.js';
import type { ModelCommand, ModelWorld } from './model-world.js';

const OTHER_CHANNEL = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d13';
const LATER_GROUP = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d14';
const LATER_CHANNEL = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d15';
const PLACES = [GROUP, OTHER_GROUP, CHANNEL, OTHER_CHANNEL, LATER_GROUP, LATER_CHANNEL] as const;

export function chatAt(place: Place, tenantId: string, userId: string): string {
  return typeof place === 'number' ? (PLACES[place] ?? GROUP) : directChatId(tenantId, userId, place.with);
}

function messageAt(world: ModelWorld, chatId: string, { back, astray }: MessageChoice): string {
  if (astray === 'nowhere') return NOWHERE;
  const among = astray === null ? (world.chats.get(chatId)?.messages ?? []) : world.messages;
  return among.at(-1 - back)?.id ?? among[0]?.id ?? NOWHERE;
}

/** Whoever is meant: the person, or the member of the chat that comes next by name. */
function actorOf({ actor: { person, isMember }, place, tenant }: Intent, world: ModelWorld): string {
  const chat = typeof place === 'number' ? world.chats.get(chatAt(place, tenant, person)) : undefined;
  if (!isMember || chat === undefined) return person;
  const members = [...chat.people.keys()].sort();
  return members.find((user) => user >= person) ?? members[0] ?? person;
}

/** `earlier` are all commands so far. */
export function commandOf(intent: Intent, world: ModelWorld, earlier: readonly ModelCommand[]): ModelCommand {
  const { tenant, proven, knownProducer, place, again } = intent;
  const reused = again === null ? undefined : earlier.at(-1 - again.back);
  if (reused !== undefined && again?.whole === true) return { ...reused, proven };
  const actorId = reused?.actorId ?? actorOf(intent, world);
  const tenantId = reused?.tenantId ?? tenant;
  const commandId = reused?.commandId ?? `c-${earlier.length}`;
  const about = { commandId, tenantId, actorId, proven, knownProducer };
  const chatId = chatAt(place, tenantId, actorId);
  return { ...about, ...contentOf(intent, world, chatId) } as ModelCommand;
}

function contentOf(
  { act, place }: Intent,
  world: ModelWorld,
  chatId: string,
): Pick<ModelCommand, 'type' | 'chatId' | 'data'> {
  const there = (choice: MessageChoice) => messageAt(world, chatId, choice);
  switch (act.do) {
    case 'say': {
      const inReplyTo = act.inReplyTo === null ? {} : { inReplyTo: there(act.inReplyTo) };
      const thread = act.threadRoot === null ? {} : { threadRootId: there(act.threadRoot) };
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
    case 'create': {
      const direct = typeof place === 'object' && act.kind !== 'channel';
      const chosen = direct ? { kind: 'direct', memberIds: [place.with] } : { kind: act.kind, memberIds: act.others };
      return { type: 'chat.create', chatId, data: { ...chosen, ...act.with } };
    }
    case 'update':
      return { type: 'chat.update', chatId, data: act.change };
    case 'archive':
    case 'unarchive':
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
      const { displayName, kind, metadata } = act;
      const more = { ...(kind === null ? {} : { kind }), ...(metadata === null ? {} : { metadata }) };
      return { type: 'user.upsert', chatId: null, data: { displayName, ...more } };
    }
    case 'shout':
      return { type: 'message.shout', chatId, data: {} };
  }
}

/** The same command for the real thing. */
export function draftOf({
  type,
  commandId,
  tenantId,
  actorId,
  chatId,
  data,
  proven,
  knownProducer,
}: ModelCommand): Draft {
  return {
    ...{ type, commandId, body: { tenantId, actorId, ...(chatId === null ? {} : { chatId }), data } },
    ...(knownProducer ? { properties: { userId: 'known-producer' } } : {}),
    ...(proven ? {} : { unproven: refusal('unauthenticated') }),
  };
}

/** Two groups and two channels with every role, one of each in which the past is for those who were there. */
export function seeds(): ModelCommand[] {
  const chats = [
    [GROUP, 'group', 'full'],
    [OTHER_GROUP, 'group', 'since-joined'],
    [CHANNEL, 'channel', 'full'],
    [OTHER_CHANNEL, 'channel', 'since-joined'],
  ] as const;
  const about = { tenantId: 'default', actorId: 'alice', proven: true, knownProducer: false };
  return chats.flatMap(([chatId, kind, historyVisibility]): ModelCommand[] => [
    {
      ...{ ...about, type: 'chat.create', chatId, commandId: `s1-${chatId}` },
      data: { kind, historyVisibility, memberIds: ['bob', 'carol'] },
    },
    { ...about, type: 'member.add', chatId, commandId: `s2-${chatId}`, data: { userIds: ['dave'], role: 'admin' } },
    { ...about, type: 'member.add', chatId, commandId: `s3-${chatId}`, data: { userIds: ['erin'], role: 'reader' } },
  ]);
}
