/** The story of a seed: commands and faults, with their times. It is plain data, so that parts can be removed. */
import { createHash } from 'node:crypto';
import { Chance } from './virtual-time.js';

export const PARTITIONS = 6;
const CHATS_MAX = 6;
const COMMANDS_PER_CHAT_MAX = 60;
const FAULTS_MAX = 12;
/** Commands are published, and faults happen, within this time. */
const ACTIVE_MS = 12_000;
/** Share of stories with commands that crash workers. More than two such commands take longer than a story has. */
const DEADLY_SHARE = 0.3;
const DEADLY_MAX = 2;
/** Share of stories with chats in which some members do not see everything. */
const VISIBILITY_SHARE = 0.5;
const VISIBILITY_ACTS_MAX = 40;
/** Maximum time between a message and its edit, reaction or deletion. */
const SECOND_THOUGHTS_MS = 4_000;
/** Share of chats whose commands arrive in a wrong partition from some command on. */
const MISROUTED_SHARE = 0.3;
/** Share of stories in which a worker of another store tries to consume the queues. */
const STRANGER_SHARE = 0.15;
/** Share of stories with costly commands, some of which exceed the statement timeout. */
const COSTLY_SHARE = 0.3;
const COSTLY_MAX = 8;
/** Maximum cost of a command that fits in one statement. */
const COST_MAX_MS = 6_000;
const TOO_COSTLY_SHARE = 0.25;
const TOO_COSTLY_MS = 60_000;
/** Share of stories in which everything happens faster, so that commands of several partitions wait at a time. */
const RUSH_SHARE = 0.5;
/** How much faster, at least and at most. */
const RUSH_FACTORS = [5, 50] as const;
const USERS = ['alice', 'bob', 'carol', 'dave'];

export interface StoryCommand {
  /** Time of the first publish, in milliseconds. */
  at: number;
  type: string;
  commandId: string;
  actorId: string;
  chatId: string | null;
  partition: number;
  /** The wrong partition in which it arrives, because the hash ring is out of order for its chat. */
  comesTo?: number;
  data: unknown;
  /** A malformed body instead of JSON. */
  garbage?: string;
  /** Whether the command crashes the worker that decides it. */
  isDeadly?: true;
  /** The command that sent the message that this one is about. */
  about?: Pick<StoryCommand, 'actorId' | 'commandId'>;
  /** The time to write it, in milliseconds. Undefined: negligible. */
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
  /** The clock skew of each worker. */
  clockSkewsMs: number[];
  commands: StoryCommand[];
  faults: StoryFault[];
}

/** A UUID from the seed. */
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
  // Never both: a slow command could be alone each time another command crashes the worker, and would then be treated
  // as the one that crashes it.
  const costlyOnes = deadlyOnes.length > 0 ? [] : costly(commands, costlyChance);
  commands.push(...costlyOnes);
  const story: Story = {
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
  return rushed(story, new Chance(seed, 'rush'));
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
    // The same command again, or other content with the same id.
    else if (chance.is(0.05) && earlier !== undefined) commands.push({ ...earlier, at });
    else if (chance.is(0.04) && earlier !== undefined)
      commands.push({ ...earlier, at, data: { body: `other ${index}` } });
    else if (chance.is(0.03)) commands.push({ ...common, ...send(chance), garbage: '{"actorId": ' });
    else commands.push({ ...common, ...act(chance, index) });
    // Mostly in bursts, so that there are batches.
    at += chance.is(0.7) ? chance.next() * 15 : (chance.next() * ACTIVE_MS * 5) / count;
  }
  return commands;
}

/**
 * In some chats, all commands from one on arrive in a wrong partition, including repeats. They stay wrong: if the ring
 * is repaired while commands wait in a wrong queue, order is not guaranteed. Nor is it if a repeat of `chat.create`
 * overtakes the first one and places the chat elsewhere: those arrive correctly. Commands that crash workers have no
 * effect that could be out of order.
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

/** Commands are published and faults happen in less time. The faults last as long. */
function rushed(story: Story, chance: Chance): Story {
  if (!chance.is(RUSH_SHARE)) return story;
  const [least, most] = RUSH_FACTORS;
  const factor = least + chance.next() * (most - least);
  const sooner = <T extends { at: number }>(one: T): T => ({ ...one, at: one.at / factor });
  return { ...story, commands: story.commands.map(sooner), faults: story.faults.map(sooner) };
}

function stranger(chance: Chance): StoryFault[] {
  return chance.is(STRANGER_SHARE) ? [{ at: chance.next() * ACTIVE_MS, worker: 0, kind: 'stranger' }] : [];
}

/** Each among other commands of its chat and time. */
function deadly(neighbours: readonly StoryCommand[], chance: Chance): StoryCommand[] {
  if (!chance.is(DEADLY_SHARE)) return [];
  return Array.from({ length: 1 + chance.below(DEADLY_MAX) }, (_, number) => {
    const { at, chatId, partition } = chance.pick(neighbours);
    return { at, commandId: `deadly-${number}`, chatId, partition, ...send(chance), isDeadly: true as const };
  });
}

/** Chats change their visibility, and messages change after members have joined. */
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

/** All at the same time, so that they are in one batch: each fits in a statement, all together do not. */
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

/** The database is slow for a while. */
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
