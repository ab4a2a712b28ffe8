/**
 * What commands mean, written a second time and as plainly as can be: no policy engine, no facts, no batches, no rows. It is held
 * against the real thing by random commands.
 */
import { isDeepStrictEqual } from 'node:util';
import { messageId } from '../application/drafts.js';
import {
  add,
  archive,
  create,
  type Done,
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

export class Model {
  readonly world = new ModelWorld();
  private readonly kept = new Map<string, { what: string; answer: ModelAnswer }>();
  private messagesSent = 0;

  answer(command: ModelCommand): ModelAnswer {
    const refused = (outcome: string): ModelAnswer => ({ outcome, sequence: null, messageId: null, replayed: false });
    if (!command.proven) return refused('unauthenticated');
    const { tenantId, actorId, commandId, type, chatId, data } = command;
    const key = `${tenantId} ${actorId} ${commandId}`;
    const what = JSON.stringify({ type, chatId, data });
    const before = this.kept.get(key);
    if (before !== undefined) return before.what === what ? { ...before.answer, replayed: true } : refused('conflict');
    const done = this.perform(command);
    const answer: ModelAnswer =
      typeof done === 'string' ? refused(done) : { messageId: null, ...done, outcome: 'accepted', replayed: false };
    if (NOT_KEPT.includes(answer.outcome)) return answer;
    this.kept.set(key, { what, answer });
    if (typeof done === 'string') this.world.happenedUnnumbered(command, 'command.rejected', null, { code: done });
    return answer;
  }

  private perform(command: ModelCommand): Done {
    const { world } = this;
    switch (command.type) {
      case 'message.shout':
        return 'unsupported_type';
      case 'user.upsert':
        return this.introduce(command);
      case 'chat.create':
        return create(world, command);
      default:
    }
    if ('body' in command.data && command.data.body === '') return 'invalid';
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
      case 'chat.read':
        return read(scene(command));
      case 'member.add':
        return add(scene(command));
      case 'member.remove':
        return remove(scene(command));
      case 'member.update':
        return updateMember(scene(command));
      case 'message.send':
        return send(scene(command), () => {
          this.messagesSent += 1;
          return messageId(this.messagesSent);
        });
      case 'message.edit':
        return edit(scene(command));
      case 'message.delete':
        return erase(scene(command));
      case 'message.react':
      case 'message.unreact':
        return react(scene(command));
    }
  }

  private introduce(command: ModelCommandOf<'user.upsert'>): Done {
    const { tenantId, actorId, data, knownProducer } = command;
    if (data.kind !== undefined && !knownProducer) return 'not_permitted';
    const { now, profiles } = this.world;
    const known = profiles.get(`${tenantId} ${actorId}`);
    const { displayName = actorId, avatarUrl = null, metadata = {} } = data;
    const said = { displayName, avatarUrl, kind: data.kind ?? known?.kind ?? 'human', metadata };
    const { revision = 0, createdAt = now } = known ?? {};
    const profile = { ...said, revision: revision + 1, createdAt, updatedAt: now };
    if (known !== undefined && isDeepStrictEqual({ ...known, ...said }, known)) return UNCHANGED;
    profiles.set(`${tenantId} ${actorId}`, profile);
    const told = { userId: actorId, ...said, revision: profile.revision, updatedAt: now.toISOString() };
    this.world.happenedUnnumbered(command, 'user.upserted', null, told);
    return UNCHANGED;
  }
}
