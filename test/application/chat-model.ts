/**
 * What commands mean, written a second time and as plainly as can be: no policy engine, no facts, no batches. It is held against
 * the real thing by random commands.
 */
import { directChatId } from '../../src/contract/direct-id.js';

/** One command in the model's words; a later one with the same id is a repeat. */
export interface ModelCommand {
  id: string;
  tenant: string;
  actor: string;
  /** Null: the actor is not proven. */
  proven: boolean;
  act:
    | { do: 'create'; chat: string; kind: string; others: string[] }
    | { do: 'add'; chat: string; users: string[]; role: string }
    | { do: 'remove'; chat: string; user: string }
    | { do: 'say'; chat: string; text: string; answers: string | null }
    | { do: 'introduce'; name: string }
    | { do: 'nonsense'; chat: string };
}

export interface ModelAnswer {
  /** `accepted` or the code of the refusal. */
  outcome: string;
  sequence: number | null;
  replayed: boolean;
}

interface Person {
  role: string;
  unread: number;
}

export interface ModelChat {
  tenant: string;
  kind: string;
  sequence: number;
  archived: boolean;
  people: Map<string, Person>;
  silenced: Set<string>;
}

const NOT_KEPT = ['conflict', 'unauthenticated'];

export class ChatModel {
  readonly chats = new Map<string, ModelChat>();
  readonly names = new Map<string, { name: string; revision: number }>();
  /** Where each message was said. */
  readonly said = new Map<string, string>();
  /** What has happened, in order. */
  readonly happened: string[] = [];
  private readonly kept = new Map<string, { what: string; answer: ModelAnswer }>();

  seed(
    id: string,
    chat: Omit<ModelChat, 'people' | 'silenced'>,
    people: Record<string, string>,
    silenced: string[],
  ): void {
    const roles = Object.entries(people).map(([user, role]): [string, Person] => [user, { role, unread: 0 }]);
    this.chats.set(id, { ...chat, people: new Map(roles), silenced: new Set(silenced) });
  }

  answer(command: ModelCommand): ModelAnswer {
    if (!command.proven) return { outcome: 'unauthenticated', sequence: null, replayed: false };
    const key = `${command.tenant} ${command.actor} ${command.id}`;
    const what = JSON.stringify(command.act);
    const before = this.kept.get(key);
    if (before !== undefined)
      return before.what === what
        ? { ...before.answer, replayed: true }
        : { outcome: 'conflict', sequence: null, replayed: false };
    const done = this.perform(command);
    const answer =
      typeof done === 'string'
        ? { outcome: done, sequence: null, replayed: false }
        : { outcome: 'accepted', sequence: done, replayed: false };
    if (!NOT_KEPT.includes(answer.outcome)) {
      this.kept.set(key, { what, answer });
      if (typeof done === 'string') this.happened.push(`${command.id} rejected`);
    }
    return answer;
  }

  /** The number taken, null where nothing changes, or why not. */
  private perform(command: ModelCommand): number | null | string {
    const { act, tenant, actor } = command;
    if (act.do === 'nonsense') return 'unsupported_type';
    if (act.do === 'introduce') return this.introduce(`${tenant} ${actor}`, act.name, command.id);
    if (act.do === 'create') return this.create(command, act);
    if (act.do === 'say' && act.text === '') return 'invalid';
    const chat = this.chats.get(act.chat);
    const me = chat?.people.get(actor);
    if (chat === undefined || me === undefined || chat.tenant !== tenant) return 'not_found';
    const mayManage = me.role === 'owner' || me.role === 'admin';
    if (act.do === 'say') {
      if (me.role === 'reader' || (chat.kind === 'channel' && !mayManage)) return 'not_permitted';
      if (chat.archived) return 'archived';
      if (chat.silenced.has(actor)) return 'muted';
      if (act.answers !== null && this.said.get(act.answers) !== act.chat) return 'not_found';
      for (const person of chat.people.values()) person.unread += 1;
      me.unread = 0;
      return this.next(act.chat, chat, `${command.id} said`);
    }
    if (chat.kind === 'direct') return 'invalid';
    if (act.do === 'add') {
      if (!mayManage || (me.role === 'admin' && act.role === 'owner')) return 'not_permitted';
      if (chat.archived) return 'archived';
      const fresh = new Set(act.users.filter((user) => !chat.people.has(user)));
      if (fresh.size === 0) return null;
      for (const user of fresh) chat.people.set(user, { role: act.role, unread: 0 });
      return this.next(act.chat, chat, `${command.id} added ${[...fresh]}`);
    }
    const them = chat.people.get(act.user);
    const protectedRole = them?.role === 'owner' || them?.role === 'admin';
    if (act.user !== actor && me.role !== 'owner' && !(me.role === 'admin' && !protectedRole)) return 'not_permitted';
    if (them === undefined) return null;
    const owners = [...chat.people.values()].filter(({ role }) => role === 'owner');
    if (owners.length === 1 && owners[0] === them) return 'conflict';
    chat.people.delete(act.user);
    chat.silenced.delete(act.user);
    return this.next(act.chat, chat, `${command.id} removed ${act.user}`);
  }

  private create(
    { tenant, actor, id }: ModelCommand,
    { chat, kind, others }: { chat: string; kind: string; others: string[] },
  ): number | null | string {
    if (kind === 'direct' && (others.length !== 1 || chat !== directChatId(tenant, actor, others[0] as string)))
      return 'invalid';
    if (this.chats.has(chat)) return kind === 'direct' && this.chats.get(chat)?.kind === 'direct' ? null : 'conflict';
    const role = kind === 'direct' ? 'member' : 'owner';
    const people = new Map<string, Person>(others.map((user) => [user, { role: 'member', unread: 0 }]));
    people.set(actor, { role, unread: 0 });
    const made: ModelChat = { tenant, kind, sequence: 0, archived: false, people, silenced: new Set() };
    this.chats.set(chat, made);
    return this.next(chat, made, `${id} created`);
  }

  private introduce(who: string, name: string, id: string): null {
    const known = this.names.get(who);
    if (known?.name === name) return null;
    this.names.set(who, { name, revision: (known?.revision ?? 0) + 1 });
    this.happened.push(`${id} introduced as ${name}`);
    return null;
  }

  private next(id: string, chat: ModelChat, what: string): number {
    chat.sequence += 1;
    this.happened.push(`${id}/${chat.sequence} ${what}`);
    return chat.sequence;
  }
}
