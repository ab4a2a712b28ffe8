/**
 * What commands mean, written a second time and as plainly as can be: no policy engine, no snapshot, no batches, no
 * rows. It is held against the real thing by random commands.
 */
import { isDeepStrictEqual } from 'node:util';
import { directChatId } from '../../../src/contract/messages/direct-chat-id.js';
import { messageId } from '../../unit/application/commands/drafts.js';
import {
  add,
  archive,
  create,
  type Done,
  deliver,
  hide,
  read,
  remove,
  UNCHANGED,
  unarchive,
  update,
  updateMember,
} from './model-of-chats.js';
import { edit, erase, react, send } from './model-of-messages.js';
import { type ModelAnswer, type ModelCommand, type ModelCommandOf, ModelWorld } from './model-world.js';

/** Refusals that may not be the last word. */
const NOT_KEPT = ['conflict', 'unauthenticated'];

export const PARTITIONS = 3;

function partitionMeantFor(key: string): number {
  return [...key].reduce((sum, character) => sum + (character.codePointAt(0) ?? 0), 0) % PARTITIONS;
}

/** What is refused by looking at the command alone, wherever it comes. */
function faultOf({ type, tenantId, actorId, chatId, data }: ModelCommand): string | null {
  if (type === 'message.shout') return 'unsupported_type';
  if ('body' in data && data.body === '') return 'invalid';
  if (type !== 'chat.create') return null;
  // Computed ids are for direct chats.
  if (data.kind !== 'direct') return chatId?.[14] === '5' ? 'invalid' : null;
  const [other = ''] = data.memberIds;
  return data.memberIds.length === 1 && chatId === directChatId(tenantId, actorId, other) ? null : 'invalid';
}

export class Model {
  private readonly kept = new Map<string, { what: string; answer: ModelAnswer }>();

  constructor(readonly world = new ModelWorld()) {}

  /** Where a command is to come: to its chat's partition, or where its chat or its actor is meant to be. */
  homeOf({ chatId, actorId }: ModelCommand): number {
    return this.world.chats.get(chatId ?? '')?.partition ?? partitionMeantFor(chatId ?? actorId);
  }

  /** At the world's present partition. */
  answer(command: ModelCommand): ModelAnswer {
    const refused = (outcome: string): ModelAnswer => ({ outcome, sequence: null, messageId: null, replayed: false });
    if (!command.isAuthenticated) return refused('unauthenticated');
    const { tenantId, actorId, commandId, type, chatId, data } = command;
    const key = `${tenantId} ${actorId} ${commandId}`;
    const what = JSON.stringify({ type, chatId, data });
    const before = this.kept.get(key);
    if (before !== undefined) return before.what === what ? { ...before.answer, replayed: true } : refused('conflict');
    const fault = faultOf(command);
    if (fault === null && this.isMisplaced(command)) return refused(`misrouted to ${this.homeOf(command)}`);
    const done = fault ?? this.perform(command);
    const answer: ModelAnswer =
      typeof done === 'string' ? refused(done) : { messageId: null, ...done, outcome: 'accepted', replayed: false };
    if (NOT_KEPT.includes(answer.outcome)) return answer;
    this.kept.set(key, { what, answer });
    if (typeof done === 'string') this.world.happenedUnnumbered(command, 'command.rejected', null, { code: done });
    return answer;
  }

  /** A chat without a partition is placed where its next command comes, whatever becomes of that. */
  private isMisplaced(command: ModelCommand): boolean {
    const { partition, nextPosition } = this.world;
    const chat = this.world.chats.get(command.chatId ?? '');
    if (chat?.partition === null) Object.assign(chat, { partition, placedAt: nextPosition });
    return chat !== undefined && chat.partition !== partition;
  }

  private perform(command: ModelCommand): Done {
    const { world } = this;
    if (command.type === 'user.upsert') return this.introduce(command);
    // Only services manage webhooks, and nobody in the model is one.
    if (command.type === 'webhook.upsert' || command.type === 'webhook.delete') return 'not_permitted';
    if (command.type === 'chat.create') return create(world, command);
    const chat = world.chats.get(command.chatId);
    const me = chat?.people.get(command.actorId);
    if (chat === undefined || me === undefined || chat.tenant !== command.tenantId) return 'not_found';
    const scene = <C>(of: C) => ({ world, command: of, chat, me });
    switch (command.type) {
      case 'chat.update':
        return update(scene(command));
      case 'chat.archive':
        return archive(scene(command));
      case 'chat.unarchive':
        return unarchive(scene(command));
      case 'chat.hide':
      case 'chat.unhide':
        return hide(scene(command));
      case 'chat.read':
        return read(scene(command));
      case 'chat.delivered':
        return deliver(scene(command));
      case 'member.add':
        return add(scene(command));
      case 'member.remove':
        return remove(scene(command));
      case 'member.update':
        return updateMember(scene(command));
      case 'message.send':
        return send(scene(command), () => {
          world.messagesSent += 1;
          return messageId(world.messagesSent);
        });
      case 'message.edit':
        return edit(scene(command));
      case 'message.delete':
        return erase(scene(command));
      case 'message.react':
      case 'message.unreact':
        return react(scene(command));
      case 'message.shout':
        return 'unsupported_type';
    }
  }

  private introduce(command: ModelCommandOf<'user.upsert'>): Done {
    const { tenantId, actorId, data, knownProducer } = command;
    if (data.kind !== undefined && !knownProducer) return 'not_permitted';
    const { now, profiles } = this.world;
    const known = profiles.get(`${tenantId} ${actorId}`);
    const { displayName = actorId, avatarUrl = null, metadata = {} } = data;
    const presence = data.presence ?? known?.presence ?? 'shared';
    const said = { displayName, avatarUrl, kind: data.kind ?? known?.kind ?? 'human', metadata, presence };
    const { revision = 0, createdAt = now } = known ?? {};
    const profile = { ...said, revision: revision + 1, createdAt, updatedAt: now };
    if (known !== undefined && isDeepStrictEqual({ ...known, ...said }, known)) return UNCHANGED;
    profiles.set(`${tenantId} ${actorId}`, profile);
    const told = { userId: actorId, ...said, revision: profile.revision, updatedAt: now.toISOString() };
    this.world.happenedUnnumbered(command, 'user.upserted', null, told);
    return UNCHANGED;
  }
}
