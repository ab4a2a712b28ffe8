/** The expected events of the model, by the contract. */
import { mayView } from '../../support/policies/hiding-policy.js';
import {
  floor,
  isThere,
  type ModelChat,
  type ModelEvent,
  type ModelWorld,
  type Person,
  type Text,
} from './model-world.js';

export interface ToldEvent {
  type: string;
  sequence: number | null;
  at: string;
  data: object;
}

/** The event as it is published now, or as a member with hidden history sees it. */
export function tell(world: ModelWorld, event: ModelEvent, from = 1): ToldEvent {
  const { type, sequence, chatId, tenantId, actorId, commandId } = event;
  const chat = world.chats.get(chatId ?? '');
  const about = { tenantId, actorId, commandId };
  const at = event.at.toISOString();
  if (chat === undefined) return { type, sequence, at, data: { ...about, ...event.data } };
  const whom = recipients(chat, event);
  const said = content(event, from);
  const data = { ...about, chatId, sequence, ...whom, ...event.data, ...said, ...outsiders(said, actorId, whom) };
  return { type, sequence, at, data };
}

/** Mentioned users who are not recipients. */
function outsiders({ mentions = [] }: { mentions?: string[] }, actorId: string, whom: ReturnType<typeof recipients>) {
  const told = whom.forActor ? [...whom.recipients, actorId] : whom.recipients;
  const mentionedOutsiders = mentions.filter((user) => !told.includes(user));
  return mentionedOutsiders.length === 0 ? {} : { mentionedOutsiders };
}

function recipients(chat: ModelChat, event: ModelEvent) {
  const { type, actorId, data } = event;
  if (type === 'chat.hidden' || type === 'chat.unhidden') return { recipients: [], forActor: true, recipientCount: 0 };
  const removed = type === 'member.removed' ? (data as { userId: string }).userId : null;
  const whom = [...chat.people]
    .filter(([, { role }]) => mayView({ kind: chat.kind, isArchived: chat.archivedAt !== null }, role))
    .filter(([, person]) => floor(chat, person) <= isAbout(event))
    .map(([user]) => user)
    .sort();
  const others = whom.filter((user) => user !== actorId && user !== removed);
  const all = removed === null ? others : [...others, removed];
  const forActor = whom.includes(actorId) || removed === actorId;
  return { recipients: all, forActor, recipientCount: all.length };
}

/** The sequence that decides who may see the content of the event. */
function isAbout({ sequence, data, told }: ModelEvent): number {
  const { messageSequence, upTo } = data as { messageSequence?: number; upTo?: number };
  return told?.message.sequence ?? messageSequence ?? upTo ?? sequence ?? 0;
}

function content(event: ModelEvent, from: number): object {
  const { type, at, told } = event;
  if (told === null) {
    const erased = isAbout(event) < from ? { erased: true } : {};
    if (type === 'message.deleted') return { deletedAt: at.toISOString(), ...erased };
    return type.endsWith('reacted') && 'erased' in erased ? { emoji: null, ...erased } : {};
  }
  const { message, revision } = told;
  const hidden = type === 'message.edited' && message.sequence < from;
  const isErased = message.deleted !== null || hidden;
  const { body, mentions, metadata } = message.texts[revision - 1] as Text;
  const text = isErased ? { body: null, mentions: [], metadata: {}, erased: true } : { body, mentions, metadata };
  const messageSequence = message.sequence;
  if (type === 'message.edited')
    return { messageId: message.id, messageSequence, revision, editedAt: at.toISOString(), ...text };
  // A hard deletion removes these fields too.
  const { contentType, inReplyTo, thread } = isThere(message)
    ? message
    : { contentType: 'text/plain', inReplyTo: null, thread: null };
  return {
    ...{ messageId: message.id, senderId: message.sender, contentType, inReplyTo, threadRootId: thread },
    ...{ attachments: isErased ? [] : message.attachments, createdAt: message.sentAt.toISOString(), ...text },
  };
}

/** The chat's events after a sequence that a member may see. */
export function eventsSeen(world: ModelWorld, chat: ModelChat, person: Person, after: number): ToldEvent[] {
  const from = floor(chat, person);
  return world
    .eventsOf(chat.id)
    .slice(Math.max(after, from - 1))
    .map((event) => tell(world, event, from));
}
