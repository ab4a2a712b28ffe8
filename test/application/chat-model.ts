/**
 * What commands mean, written a second time and as plainly as can be: no policy engine, no facts, no batches, no ordinals. It is held
 * against the real thing by random commands.
 */
import { directChatId } from '../../src/contract/direct-id.js';
import { messageId } from './drafts.js';

export type Act =
  | { do: 'create'; chat: string; kind: string; others: string[] }
  | { do: 'add'; chat: string; users: string[]; role: string }
  | { do: 'remove'; chat: string; user: string }
  | { do: 'appoint'; chat: string; user: string; role: string | null; silent: boolean | null }
  | { do: 'say'; chat: string; text: string; answers: string | null; root: string | null }
  | { do: 'edit'; chat: string; message: string; text: string }
  | { do: 'delete'; chat: string; message: string; hard: boolean }
  | { do: 'react'; chat: string; message: string; emoji: string; there: boolean }
  | { do: 'read'; chat: string; upTo: number }
  | { do: 'title'; chat: string; title: string | null; hides: boolean | null }
  | { do: 'archive'; chat: string; archived: boolean }
  | { do: 'introduce'; name: string }
  | { do: 'nonsense'; chat: string };

/** One command in the model's words; a later one with the same id is a repeat. */
export interface ModelCommand {
  id: string;
  tenant: string;
  actor: string;
  /** Null: the actor is not proven. */
  proven: boolean;
  act: Act;
}

export interface ModelAnswer {
  /** `accepted` or the code of the refusal. */
  outcome: string;
  sequence: number | null;
  replayed: boolean;
}

interface Person {
  role: string;
  joined: number;
  /** Everything up to this number is read. */
  mark: number;
}

export interface ModelChat {
  tenant: string;
  kind: string;
  title: string | null;
  hides: boolean;
  sequence: number;
  archived: boolean;
  people: Map<string, Person>;
  silenced: Set<string>;
  /** Numbers of all messages there ever were. */
  said: number[];
}

export interface ModelMessage {
  chat: string;
  number: number;
  sender: string;
  root: string | null;
  /** Every text it had, the present one last; null: deleted soft. */
  texts: string[] | null;
  /** `user emoji`. */
  reactions: Set<string>;
}

const NOT_KEPT = ['conflict', 'unauthenticated'];

export class ChatModel {
  readonly chats = new Map<string, ModelChat>();
  readonly names = new Map<string, { name: string; revision: number }>();
  /** Those that were not deleted hard. */
  readonly messages = new Map<string, ModelMessage>();
  /** The number of messages ever said, which their ids go by. */
  messageCount = 0;
  /** What has happened, in order. */
  readonly happened: string[] = [];
  private readonly kept = new Map<string, { what: string; answer: ModelAnswer }>();

  seed(id: string, kind: string, people: Record<string, { role: string; joined: number }>, silenced: string[]): void {
    const seeded = Object.entries(people).map(([user, person]): [string, Person] => [
      user,
      { ...person, mark: person.joined },
    ]);
    const chat = newChat('default', kind);
    this.chats.set(id, { ...chat, sequence: 3, people: new Map(seeded), silenced: new Set(silenced) });
  }

  /** How many messages the person has not read. */
  unread(chat: ModelChat, user: string): number {
    const mark = chat.people.get(user)?.mark ?? Number.NaN;
    return chat.said.filter((number) => number > mark).length;
  }

  replies(root: string): number {
    return [...this.messages.values()].filter((message) => message.root === root).length;
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
    const { act, tenant, actor, id } = command;
    if (act.do === 'nonsense') return 'unsupported_type';
    if (act.do === 'introduce') return this.introduce(`${tenant} ${actor}`, act.name, id);
    if (act.do === 'create') return this.create(command, act);
    if ((act.do === 'say' || act.do === 'edit') && act.text === '') return 'invalid';
    const chat = this.chats.get(act.chat);
    const me = chat?.people.get(actor);
    if (chat === undefined || me === undefined || chat.tenant !== tenant) return 'not_found';
    const scene = { id, actor, chat, me };
    switch (act.do) {
      case 'say':
        return this.say(scene, act);
      case 'edit':
      case 'delete':
      case 'react':
        return this.touch(scene, act);
      case 'read': {
        const mark = Math.min(act.upTo, chat.sequence);
        if (mark <= me.mark) return null;
        me.mark = mark;
        this.happened.push(`${id} read ${mark}`);
        return null;
      }
      case 'title':
      case 'archive':
        return this.rearrange(scene, act);
      default:
        return this.people(scene, act);
    }
  }

  private say({ id, actor, chat, me }: Scene, act: Extract<Act, { do: 'say' }>): number | string {
    if (!mayPost(chat, me)) return 'not_permitted';
    if (chat.archived) return 'archived';
    if (chat.silenced.has(actor)) return 'muted';
    for (const other of [act.answers, act.root])
      if (other !== null && this.seen(act.chat, chat, me, other) === undefined) return 'not_found';
    const number = this.next(act.chat, chat, `${id} said`);
    chat.said.push(number);
    me.mark = number;
    this.messageCount += 1;
    const message = { chat: act.chat, number, sender: actor, root: act.root, texts: [act.text] };
    this.messages.set(messageId(this.messageCount), { ...message, reactions: new Set() });
    return number;
  }

  private touch(
    { id, actor, chat, me }: Scene,
    act: Extract<Act, { do: 'edit' | 'delete' | 'react' }>,
  ): number | null | string {
    const message = this.seen(act.chat, chat, me, act.message);
    if (message === undefined || (act.do !== 'delete' && message.texts === null)) return 'not_found';
    const isMine = message.sender === actor;
    if (act.do === 'delete') {
      if (!isMine && !(chat.kind !== 'direct' && manages(me))) return 'not_permitted';
      if (!act.hard && message.texts === null) return null;
      message.texts = null;
      if (act.hard) this.messages.delete(act.message);
      return this.next(act.chat, chat, `${id} deleted`);
    }
    if (act.do === 'edit' ? !isMine || !mayPost(chat, me) : me.role === 'reader') return 'not_permitted';
    if (chat.archived) return 'archived';
    const isTakenBack = act.do === 'react' && !act.there;
    if (chat.silenced.has(actor) && !isTakenBack) return 'muted';
    if (act.do === 'edit') {
      if (message.texts?.at(-1) === act.text) return null;
      message.texts?.push(act.text);
      return this.next(act.chat, chat, `${id} edited`);
    }
    const reaction = `${actor} ${act.emoji}`;
    if (message.reactions.has(reaction) === act.there) return null;
    if (act.there) message.reactions.add(reaction);
    else message.reactions.delete(reaction);
    return this.next(act.chat, chat, `${id} ${act.there ? 'reacted' : 'unreacted'}`);
  }

  private rearrange({ id, chat, me }: Scene, act: Extract<Act, { do: 'title' | 'archive' }>): number | null | string {
    if (!manages(me) && chat.kind !== 'direct') return 'not_permitted';
    if (act.do === 'archive') {
      if (chat.archived === act.archived) return null;
      chat.archived = act.archived;
      return this.next(act.chat, chat, `${id} ${act.archived ? 'archived' : 'unarchived'}`);
    }
    if (chat.archived) return 'archived';
    const hides = act.hides ?? chat.hides;
    if (chat.title === act.title && chat.hides === hides) return null;
    Object.assign(chat, { title: act.title, hides });
    return this.next(act.chat, chat, `${id} updated`);
  }

  private people(
    { id, actor, chat, me }: Scene,
    act: Extract<Act, { do: 'add' | 'remove' | 'appoint' }>,
  ): number | null | string {
    if (act.do === 'appoint') return this.appoint({ id, actor, chat, me }, act);
    if (chat.kind === 'direct') return 'invalid';
    if (act.do === 'add') {
      if (!manages(me) || (me.role === 'admin' && act.role === 'owner')) return 'not_permitted';
      if (chat.archived) return 'archived';
      const fresh = new Set(act.users.filter((user) => !chat.people.has(user)));
      if (fresh.size === 0) return null;
      const joined = this.next(act.chat, chat, `${id} added ${[...fresh]}`);
      for (const user of fresh) chat.people.set(user, { role: act.role, joined, mark: joined });
      return joined;
    }
    const them = chat.people.get(act.user);
    if (act.user !== actor && me.role !== 'owner' && !(me.role === 'admin' && !isHigh(them))) return 'not_permitted';
    if (them === undefined) return null;
    if (isLastOwner(chat, them)) return 'conflict';
    chat.people.delete(act.user);
    chat.silenced.delete(act.user);
    return this.next(act.chat, chat, `${id} removed ${act.user}`);
  }

  private appoint({ id, chat, me }: Scene, act: Extract<Act, { do: 'appoint' }>): number | null | string {
    const them = chat.people.get(act.user);
    const asAdmin = me.role === 'admin' && them !== undefined && !isHigh(them) && act.role !== 'owner';
    if (me.role !== 'owner' && !asAdmin) return 'not_permitted';
    if (them === undefined) return 'not_found';
    if (chat.archived) return 'archived';
    const role = act.role ?? them.role;
    const silent = act.silent ?? chat.silenced.has(act.user);
    if (role === them.role && silent === chat.silenced.has(act.user)) return null;
    if (role !== 'owner' && isLastOwner(chat, them)) return 'conflict';
    them.role = role;
    if (silent) chat.silenced.add(act.user);
    else chat.silenced.delete(act.user);
    return this.next(act.chat, chat, `${id} made ${act.user} ${role}`);
  }

  private create(
    { tenant, actor, id }: ModelCommand,
    { chat, kind, others }: { chat: string; kind: string; others: string[] },
  ): number | null | string {
    if (kind === 'direct' && (others.length !== 1 || chat !== directChatId(tenant, actor, others[0] as string)))
      return 'invalid';
    if (this.chats.has(chat)) return kind === 'direct' && this.chats.get(chat)?.kind === 'direct' ? null : 'conflict';
    const made = newChat(tenant, kind);
    this.chats.set(chat, made);
    const joined = this.next(chat, made, `${id} created`);
    for (const user of others) made.people.set(user, { role: 'member', joined, mark: joined });
    made.people.set(actor, { role: kind === 'direct' ? 'member' : 'owner', joined, mark: joined });
    return joined;
  }

  private introduce(who: string, name: string, id: string): null {
    const known = this.names.get(who);
    if (known?.name === name) return null;
    this.names.set(who, { name, revision: (known?.revision ?? 0) + 1 });
    this.happened.push(`${id} introduced as ${name}`);
    return null;
  }

  /** The message, if it is there, in this chat, and not from before what the person may see. */
  private seen(id: string, chat: ModelChat, me: Person, message: string): ModelMessage | undefined {
    const found = this.messages.get(message);
    return found?.chat !== id || (chat.hides && found.number < me.joined) ? undefined : found;
  }

  private next(id: string, chat: ModelChat, what: string): number {
    chat.sequence += 1;
    this.happened.push(`${id}/${chat.sequence} ${what}`);
    return chat.sequence;
  }
}

interface Scene {
  id: string;
  actor: string;
  chat: ModelChat;
  me: Person;
}

function newChat(tenant: string, kind: string): ModelChat {
  const empty = { people: new Map(), silenced: new Set<string>(), said: [] };
  return { tenant, kind, title: null, hides: false, sequence: 0, archived: false, ...empty };
}

const isHigh = (person: Person | undefined) => person?.role === 'owner' || person?.role === 'admin';
const manages = isHigh;

function mayPost(chat: ModelChat, person: Person): boolean {
  return person.role !== 'reader' && (chat.kind !== 'channel' || manages(person));
}

function isLastOwner(chat: ModelChat, person: Person): boolean {
  const owners = [...chat.people.values()].filter(({ role }) => role === 'owner');
  return owners.length === 1 && owners[0] === person;
}
