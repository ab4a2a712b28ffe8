/**
 * What a seed stands for: who asks for what, and what goes wrong when. A plain value, so that parts of it can be left
 * out.
 */
import { createHash } from 'node:crypto';
import { Chance } from './virtual-time.js';

export const PARTITIONS = 3;
const CHATS_MAX = 6;
const COMMANDS_PER_CHAT_MAX = 60;
const FAULTS_MAX = 12;
/** Commands are published within this time, and things go wrong within it. */
const ACTIVE_MS = 12_000;
/** Of the stories, those with commands that workers die of; more than two of them take longer than a story has. */
const DEADLY_SHARE = 0.3;
const DEADLY_MAX = 2;
/** Of the stories, those with chats of which not everybody sees everything. */
const VISIBILITY_SHARE = 0.5;
const VISIBILITY_ACTS_MAX = 40;
/** So long after a message it is edited, reacted to or deleted, at most. */
const SECOND_THOUGHTS_MS = 4_000;
/** Of the chats, those whose commands come to a wrong partition from some command on. */
const MISROUTED_SHARE = 0.3;
/** Of the stories, those in which a worker of another store tries to consume the queues. */
const STRANGER_SHARE = 0.15;
/** Of the stories, those with commands that cost the database much, some of them too much for any statement. */
const COSTLY_SHARE = 0.3;
const COSTLY_MAX = 8;
/** Of those that one statement has room for. */
const COST_MAX_MS = 6_000;
const TOO_COSTLY_SHARE = 0.25;
const TOO_COSTLY_MS = 60_000;
const USERS = ['alice', 'bob', 'carol', 'dave'];

export interface StoryCommand {
  /** When it is published for the first time, in milliseconds. */
  at: number;
  type: string;
  commandId: string;
  actorId: string;
  chatId: string | null;
  partition: number;
  /** Where it comes in instead: the hash ring is out of order for its chat by then. */
  comesTo?: number;
  data: unknown;
  /** Text instead of a body of JSON: nobody can read it. */
  garbage?: string;
  /** Whoever decides it dies of it. */
  isDeadly?: true;
  /** The command that sent the message that this one is about. */
  about?: Pick<StoryCommand, 'actorId' | 'commandId'>;
  /** What it costs the database to write it, in milliseconds; nothing to speak of where left out. */
  costMs?: number;
}

export type StoryFault = { at: number; worker: number } & (
  | { kind: 'kill'; backAfterMs: number }
  | { kind: 'freeze'; forMs: number }
  | { kind: 'cut' }
  | { kind: 'reply lost' | 'commit lost' }
  | { kind: 'database away' | 'database slow' | 'dispatch full'; forMs: number }
  | { kind: 'stranger' }
);

export interface Story {
  seed: number;
  workers: number;
  /** How far each worker's clock is from the true one. */
  clockSkewsMs: number[];
  commands: StoryCommand[];
  faults: StoryFault[];
}

/** A UUID that a seed always gives. */
function id(seed: number, name: string): string {
  const hex = createHash('sha256').update(`${seed} ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export function storyOf(seed: number): Story {
  const chance = new Chance(seed, 'story');
  const workers = 1 + chance.below(3);
  const chats = 1 + chance.below(CHATS_MAX);
  const commands: StoryCommand[] = [];
  for (let chat = 0; chat < chats; chat += 1) commands.push(...conversation(chat, id(seed, `chat ${chat}`), chance));
  const deadlyOnes = deadly(commands, new Chance(seed, 'deadly'));
  commands.push(...deadlyOnes);
  commands.push(...visibility(commands, new Chance(seed, 'limited view')));
  const costlyChance = new Chance(seed, 'costly');
  // Not both: a command that takes seconds can be at work alone each time another one kills the worker, and is then
  // taken for the one that does.
  const costlyOnes = deadlyOnes.length > 0 ? [] : costly(commands, costlyChance);
  commands.push(...costlyOnes);
  return {
    seed,
    workers,
    clockSkewsMs: Array.from({ length: workers }, () => (chance.is(0.2) ? (chance.next() - 0.5) * 7_200_000 : 0)),
    commands: misrouted(
      commands.sort((a, b) => a.at - b.at),
      new Chance(seed, 'ring'),
    ),
    faults: [
      ...Array.from({ length: chance.below(FAULTS_MAX + 1) }, () => fault(chance, workers)),
      ...stranger(new Chance(seed, 'stranger')),
      ...(costlyOnes.length > 0 ? slowness(costlyChance) : []),
    ],
  };
}

function conversation(chat: number, chatId: string, chance: Chance): StoryCommand[] {
  const partition = chat % PARTITIONS;
  const count = 1 + chance.below(COMMANDS_PER_CHAT_MAX);
  let at = chance.next() * 2_000;
  const commands: StoryCommand[] = [];
  for (let index = 0; index <= count; index += 1) {
    const common = { at, commandId: `c${chat}-${index}`, chatId, partition };
    const earlier = commands[chance.below(commands.length)];
    if (index === 0) commands.push({ ...common, ...create() });
    // The same again, or other content under the same id.
    else if (chance.is(0.05) && earlier !== undefined) commands.push({ ...earlier, at });
    else if (chance.is(0.04) && earlier !== undefined)
      commands.push({ ...earlier, at, data: { body: `other ${index}` } });
    else if (chance.is(0.03)) commands.push({ ...common, ...send(chance), garbage: '{"actorId": ' });
    else commands.push({ ...common, ...act(chance, index) });
    // Mostly in bursts, so that batches form.
    at += chance.is(0.7) ? chance.next() * 15 : (chance.next() * ACTIVE_MS * 5) / count;
  }
  return commands;
}

/**
 * Of some chats, from some command on all come to a wrong partition, repeats of earlier ones included. They never come
 * right again: where the ring is put in order while commands lie in a wrong queue, order is not promised. Nor is it
 * where a repeat of `chat.create` overtakes the first one, and so places the chat elsewhere: those come right. Commands
 * that workers die of have no effect whose order could be wrong.
 */
function misrouted(commands: readonly StoryCommand[], chance: Chance): StoryCommand[] {
  const shiftOf = new Map<string | null, number>();
  const rightOnesOf = new Map<string | null, number>();
  for (const chatId of new Set(commands.map((command) => command.chatId))) {
    if (!chance.is(MISROUTED_SHARE)) continue;
    const count = commands.filter((command) => command.chatId === chatId).length;
    rightOnesOf.set(chatId, 1 + chance.below(count));
    shiftOf.set(chatId, 1 + chance.below(PARTITIONS - 1));
  }
  return commands.map((command) => {
    const { chatId, partition, isDeadly, type } = command;
    const shift = shiftOf.get(chatId);
    const rightOnes = rightOnesOf.get(chatId) ?? 0;
    if (shift === undefined || isDeadly || type === 'chat.create') return command;
    rightOnesOf.set(chatId, rightOnes - 1);
    return rightOnes > 0 ? command : { ...command, comesTo: (partition + shift) % PARTITIONS };
  });
}

function stranger(chance: Chance): StoryFault[] {
  return chance.is(STRANGER_SHARE) ? [{ at: chance.next() * ACTIVE_MS, worker: 0, kind: 'stranger' }] : [];
}

/** Each among others, of its chat and of its moment. */
function deadly(neighbours: readonly StoryCommand[], chance: Chance): StoryCommand[] {
  if (!chance.is(DEADLY_SHARE)) return [];
  return Array.from({ length: 1 + chance.below(DEADLY_MAX) }, (_, number) => {
    const { at, chatId, partition } = chance.pick(neighbours);
    return { at, commandId: `deadly-${number}`, chatId, partition, ...send(chance), isDeadly: true as const };
  });
}

/** Chats change what is seen of them, and messages change after others have joined. */
function visibility(commands: readonly StoryCommand[], chance: Chance): StoryCommand[] {
  if (!chance.is(VISIBILITY_SHARE)) return [];
  for (const { type, data } of commands)
    if (type === 'chat.create' && chance.is(0.6)) Object.assign(data as object, { historyVisibility: 'since-joined' });
  const said = commands.filter(({ type, isDeadly, garbage }) => type === 'message.send' && !isDeadly && !garbage);
  if (said.length === 0) return [];
  return Array.from({ length: chance.below(VISIBILITY_ACTS_MAX + 1) }, (_, number) => {
    const { at, actorId, commandId, chatId, partition } = chance.pick(said);
    const common = {
      at: at + chance.next() * SECOND_THOUGHTS_MS,
      commandId: `visibility-${number}`,
      chatId,
      partition,
    };
    const about = { actorId, commandId };
    switch (chance.below(8)) {
      case 0:
        return { ...common, type: 'chat.archive', actorId: 'alice', data: {} };
      case 1:
        return { ...common, type: 'chat.unarchive', actorId: 'alice', data: {} };
      case 2: {
        const historyVisibility = chance.pick(['full', 'since-joined']);
        return { ...common, type: 'chat.update', actorId: 'alice', data: { historyVisibility } };
      }
      case 3:
        return { ...common, about, type: 'message.delete', actorId, data: { mode: chance.pick(['soft', 'hard']) } };
      case 4:
        return { ...common, about, type: 'message.react', actorId: chance.pick(USERS), data: { emoji: ':tea:' } };
      default:
        return { ...common, about, type: 'message.edit', actorId, data: { body: `edited ${number}` } };
    }
  });
}

/**
 * All at one moment, so that they meet in batches: what each costs has room in a statement, what all of them cost has
 * not.
 */
function costly(neighbours: readonly StoryCommand[], chance: Chance): StoryCommand[] {
  if (!chance.is(COSTLY_SHARE)) return [];
  const { at, chatId, partition } = chance.pick(neighbours);
  const count = 1 + chance.below(COSTLY_MAX);
  const tooCostly = chance.is(TOO_COSTLY_SHARE) ? chance.below(count) : -1;
  return Array.from({ length: count }, (_, number) => ({
    ...{ at, chatId, partition, ...send(chance) },
    commandId: `costly-${number}`,
    costMs: number === tooCostly ? TOO_COSTLY_MS : chance.next() * COST_MAX_MS,
  }));
}

/** The database takes long over everything, for a while. */
function slowness(chance: Chance): StoryFault[] {
  if (chance.is(0.5)) return [];
  return [{ at: chance.next() * ACTIVE_MS, worker: 0, kind: 'database slow', forMs: 20_000 + chance.next() * 40_000 }];
}

type Act = Pick<StoryCommand, 'type' | 'actorId' | 'data'>;

const create = (): Act => ({
  type: 'chat.create',
  actorId: 'alice',
  data: { kind: 'group', memberIds: ['bob', 'carol'] },
});
const send = (chance: Chance, index = 0): Act => ({
  type: 'message.send',
  actorId: chance.pick(USERS),
  data: { body: `message ${index}` },
});

function act(chance: Chance, index: number): Act {
  const who = chance.pick(['bob', 'carol', 'dave']);
  switch (chance.below(12)) {
    case 0:
      return { type: 'member.add', actorId: 'alice', data: { userIds: [who] } };
    case 1:
      return { type: 'member.remove', actorId: 'alice', data: { userId: who } };
    case 2:
      return {
        type: 'member.update',
        actorId: 'alice',
        data: { userId: who, role: chance.pick(['reader', 'member', 'admin']) },
      };
    case 3:
      return { type: 'member.remove', actorId: who, data: { userId: who } };
    case 4:
      return { type: 'chat.read', actorId: chance.pick(USERS), data: { upTo: chance.below(index + 2) } };
    case 5:
      return { type: 'message.send', actorId: 'alice', data: { body: '' } }; // invalid
    default:
      return send(chance, index);
  }
}

function fault(chance: Chance, workers: number): StoryFault {
  const about = { at: chance.next() * ACTIVE_MS, worker: chance.below(workers) };
  switch (chance.below(8)) {
    case 0:
    case 1:
      return { ...about, kind: 'kill', backAfterMs: chance.next() * 6_000 };
    case 2:
      return {
        ...about,
        kind: 'freeze',
        forMs: chance.is(0.3) ? 15_000 + chance.next() * 15_000 : chance.next() * 5_000,
      };
    case 3:
      return { ...about, kind: 'cut' };
    case 4:
      return { ...about, kind: 'reply lost' };
    case 5:
      return { ...about, kind: 'commit lost' };
    case 6:
      return { ...about, kind: 'database away', forMs: chance.next() * 3_000 };
    default:
      return { ...about, kind: 'dispatch full', forMs: chance.next() * 4_000 };
  }
}
