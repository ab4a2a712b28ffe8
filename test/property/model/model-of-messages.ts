/** The effects of commands about messages in the model. */
import { isDeepStrictEqual } from 'node:util';
import { type Done, manages, type Scene, UNCHANGED } from './model-of-chats.js';
import { type ModelChat, type ModelMessage, type ModelWorld, type Person, presentText, seen } from './model-world.js';

/** Time after sending in which a message may be edited. */
export const EDIT_WINDOW_MS = 20 * 60_000;

function find(chat: ModelChat, me: Person, id: string): ModelMessage | undefined {
  return seen(chat, me).find((message) => message.id === id);
}

const isMuted = (world: ModelWorld, { mutedUntil }: Person) => mutedUntil !== null && world.now < mutedUntil;
const mayPost = (chat: ModelChat, me: Person) => (chat.kind === 'channel' ? manages(me) : me.role !== 'reader');

export function send({ world, command, chat, me }: Scene<'message.send'>, newId: () => string): Done {
  const { data, actorId, commandId } = command;
  if (!mayPost(chat, me)) return 'not_permitted';
  if (chat.archivedAt !== null) return 'archived';
  if (isMuted(world, me)) return 'muted';
  for (const id of [data.inReplyTo, data.threadRootId])
    if (id !== undefined && find(chat, me, id) === undefined) return 'not_found';
  if (data.threadRootId !== undefined && find(chat, me, data.threadRootId)?.thread !== null) return 'invalid';
  const { body, mentions = [], metadata = {}, attachments = [], contentType = 'text/plain' } = data;
  const message: ModelMessage = {
    ...{ id: newId(), sequence: 0, sender: actorId, commandId, sentAt: world.now, contentType, attachments },
    ...{ inReplyTo: data.inReplyTo ?? null, thread: data.threadRootId ?? null, reactions: [], deleted: null },
    texts: [{ body, mentions, metadata, by: actorId, at: world.now }],
  };
  message.sequence = world.happened(command, 'message.created', {}, { message, revision: 1 });
  chat.messages.push(message);
  me.readUpTo = message.sequence;
  return { sequence: message.sequence, messageId: message.id };
}

export function edit({ world, command, chat, me }: Scene<'message.edit'>): Done {
  const { actorId, data } = command;
  const message = find(chat, me, data.messageId);
  if (message === undefined || message.deleted !== null) return 'not_found';
  const isTooOld = world.now.getTime() > message.sentAt.getTime() + EDIT_WINDOW_MS;
  if (!mayPost(chat, me) || message.sender !== actorId || isTooOld) return 'not_permitted';
  if (chat.archivedAt !== null) return 'archived';
  if (isMuted(world, me)) return 'muted';
  const { body, mentions, metadata } = presentText(message);
  const text = { body: data.body, mentions: data.mentions ?? mentions, metadata: data.metadata ?? metadata };
  if (isDeepStrictEqual(text, { body, mentions, metadata })) return { ...UNCHANGED, messageId: message.id };
  message.texts.push({ ...text, by: actorId, at: world.now });
  const sequence = world.happened(command, 'message.edited', {}, { message, revision: message.texts.length });
  return { sequence, messageId: message.id };
}

export function erase({ world, command, chat, me }: Scene<'message.delete'>): Done {
  const { messageId, mode } = command.data;
  const message = find(chat, me, messageId);
  if (message === undefined) return 'not_found';
  const moderates = manages(me) && chat.kind !== 'direct';
  if (message.sender !== command.actorId && !moderates) return 'not_permitted';
  if (mode === 'soft' && message.deleted !== null) return { ...UNCHANGED, messageId };
  message.deleted = { mode, at: world.now };
  return {
    sequence: world.happened(command, 'message.deleted', { messageId, messageSequence: message.sequence, mode }),
    messageId,
  };
}

export function react({ world, command, chat, me }: Scene<'message.react' | 'message.unreact'>): Done {
  const { type, actorId, data } = command;
  const { messageId, emoji } = data;
  const message = find(chat, me, messageId);
  if (message === undefined || message.deleted !== null) return 'not_found';
  if (me.role === 'reader') return 'not_permitted';
  if (chat.archivedAt !== null) return 'archived';
  if (type === 'message.react' && isMuted(world, me)) return 'muted';
  const others = message.reactions.filter((reaction) => reaction.emoji !== emoji || reaction.user !== actorId);
  const wanted = type === 'message.react' ? [...others, { emoji, user: actorId }] : others;
  if (wanted.length === message.reactions.length) return { ...UNCHANGED, messageId };
  message.reactions = wanted;
  const what = { messageId, messageSequence: message.sequence, emoji, userId: actorId };
  return { sequence: world.happened(command, `${type}ed`, what), messageId };
}
