/** The ledger of a simulated story: what was asked, answered, stored and dispatched, compared exactly. */
import type { MemoryTables } from '../../../src/adapters/stores/memory/memory-tables.js';
import type { LoggedEvent } from '../../../src/application/ports/store/event-log.js';
import type { OutgoingEvent } from '../../../src/application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../src/contract/messages/delivery.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import type { Role } from '../../../src/domain/chat.js';
import { type DispatchedCopy, recipientFaults } from './recipients-verdict.js';
import type { StoryCommand } from './story.js';

export interface Ledger {
  /** Commands that somebody can read, by actor and id: those first published. */
  attempted: Map<string, StoryCommand>;
  /** Every receipt that reached a producer, by actor and id. */
  receipts: Map<string, Receipt[]>;
  unreadable: Set<string>;
  /** Ids of the commands that workers die of. */
  deadly: ReadonlySet<string>;
  /** Ids of the commands that no statement has room for. */
  tooCostly: ReadonlySet<string>;
  dispatched: readonly OutgoingEvent[];
  buried: readonly IncomingCommand[];
  world: MemoryTables;
  /** Events that were deleted from the log. */
  pruned: readonly LoggedEvent[];
}

/** What does not add up; empty: the ledger closes. */
export function faultsOf(ledger: Ledger): string[] {
  const logs = [...committed(ledger).values()].flat();
  return [
    ...answers(ledger),
    ...effects(ledger, logs),
    ...numbers(ledger, logs),
    ...floors(ledger),
    ...rights(logs),
    ...dispatch(ledger, logs),
    ...deadLetters(ledger),
  ];
}

const keyOf = ({ actorId, commandId }: { actorId: string; commandId: string }) => `${actorId} ${commandId}`;

function answers({ attempted, receipts, world }: Ledger): string[] {
  return [...attempted.keys()].flatMap((key) => {
    const stored = world.receipts.get(`default ${key}`)?.receipt;
    const given = receipts.get(key) ?? [];
    if (stored === undefined) return [`lost: ${key} has no stored answer`];
    return given.flatMap((receipt) => {
      if (receipt.reason?.code === 'conflict' && receipt.status === 'rejected') return [];
      const { replayed: _, ...said } = receipt;
      const { replayed: __, ...kept } = stored;
      return JSON.stringify(said) === JSON.stringify(kept)
        ? []
        : [`answered otherwise: ${key} ${JSON.stringify([said, kept])}`];
    });
  });
}

/** One effect for each accepted command, and none for any other; in the order in which each producer asked. */
function effects({ attempted, world }: Ledger, logs: readonly LoggedEvent[]): string[] {
  const faults: string[] = [];
  const effectOf = new Map<string, LoggedEvent[]>();
  for (const event of logs) effectOf.set(keyOf(event), [...(effectOf.get(keyOf(event)) ?? []), event]);
  for (const [key, events] of effectOf) {
    if (events.length > 1) faults.push(`doubled: ${key} has ${events.length} effects`);
    if (!attempted.has(key)) faults.push(`unexpected: nobody asked for ${key}`);
  }
  for (const key of attempted.keys()) {
    const receipt = world.receipts.get(`default ${key}`)?.receipt;
    const [event] = effectOf.get(key) ?? [];
    if (receipt === undefined) continue;
    if (receipt.sequence !== null && event?.sequence !== receipt.sequence)
      faults.push(`lost: ${key} was answered ${receipt.sequence}, its effect is ${event?.sequence}`);
    if (receipt.status === 'rejected' && event?.event.type !== 'command.rejected')
      faults.push(`unexpected: ${key} was refused and is ${event?.event.type}`);
  }
  const askedAt = new Map([...attempted.keys()].map((key, index) => [key, index]));
  const lastOf = new Map<string, number>();
  for (const event of logs) {
    const chat = event.chatId;
    const asked = askedAt.get(keyOf(event)) ?? 0;
    if (chat === null) continue;
    if (asked < (lastOf.get(chat) ?? 0)) faults.push(`out of turn: ${keyOf(event)} in ${chat}`);
    lastOf.set(chat, asked);
  }
  return faults;
}

/** By partition, in the order of positions: the log together with what was pruned from it. */
function committed({ world, pruned }: Ledger): Map<number, LoggedEvent[]> {
  const all = new Map([...world.log].map(([partition, log]) => [partition, [...log]]));
  for (const event of pruned) all.get(event.partition)?.push(event);
  for (const log of all.values()) log.sort((a, b) => a.position - b.position);
  return all;
}

/** Only events of rejected commands are pruned, only what was published, and the floor says so. */
function floors({ world, pruned }: Ledger): string[] {
  const faults = pruned.flatMap(({ partition, position, event }) => {
    const floor = world.partitions.get(partition)?.logFloor ?? 0;
    const wrong = [
      ...(event.type === 'command.rejected' ? [] : ['is no rejected command']),
      ...(position <= floor ? [] : [`lies above the floor ${floor}`]),
    ];
    return wrong.map((why) => `pruned: ${position} of partition ${partition} ${why}`);
  });
  for (const { partition, publishedThrough, logFloor, logPruned } of world.partitions.values()) {
    const count = pruned.filter((event) => event.partition === partition).length;
    if (count !== logPruned)
      faults.push(`pruned: ${count} events of partition ${partition}, which counts ${logPruned}`);
    if (logFloor > publishedThrough) faults.push(`pruned: the floor ${logFloor} is above ${publishedThrough}`);
  }
  return faults;
}

function numbers(ledger: Ledger, logs: readonly LoggedEvent[]): string[] {
  const { world } = ledger;
  const faults: string[] = [];
  for (const [partition, log] of committed(ledger))
    for (const [index, { position }] of log.entries())
      if (position !== index + 1) faults.push(`gap: position ${index + 1} of partition ${partition} is ${position}`);
  for (const chat of world.chats.values()) {
    const own = logs.filter(({ chatId, sequence }) => chatId === chat.chatId && sequence !== null);
    own.forEach(({ sequence }, index) => {
      if (sequence !== index + 1) faults.push(`gap: number ${index + 1} of ${chat.chatId} is ${sequence}`);
    });
    if (chat.lastSequence !== own.length)
      faults.push(`gap: ${chat.chatId} is at ${chat.lastSequence} after ${own.length}`);
    const members = [...(world.members.get(chat.chatId)?.values() ?? [])];
    if (members.length !== chat.memberCount) faults.push(`miscounted: members of ${chat.chatId}`);
    const said = own.filter(({ event }) => event.type === 'message.created').length;
    const removed = [...world.removedMessages.values()].filter(({ chatId }) => chatId === chat.chatId).length;
    const kept = (world.messagesOfChat.get(chat.chatId)?.length ?? 0) + removed;
    if (said !== kept) faults.push(`lost: ${chat.chatId} has ${kept} messages and tells of ${said}`);
  }
  return faults;
}

/** The default policy, said once more: who has done what they had no right to as of that number. */
function rights(logs: readonly LoggedEvent[]): string[] {
  const roles = new Map<string, Role>();
  return logs.flatMap(({ chatId, actorId, sequence, event }) => {
    const role = roles.get(`${chatId} ${actorId}`);
    const leads = role === 'owner' || role === 'admin';
    let isRight = true;
    switch (event.type) {
      case 'chat.created':
      case 'member.added':
        isRight = event.type === 'chat.created' || leads;
        for (const member of event.members) roles.set(`${chatId} ${member.userId}`, member.role);
        break;
      case 'member.updated':
        isRight = leads;
        roles.set(`${chatId} ${event.userId}`, event.role);
        break;
      case 'member.removed':
        isRight = event.left ? role !== undefined : leads;
        roles.delete(`${chatId} ${event.userId}`);
        break;
      case 'message.created':
        isRight = role !== undefined && role !== 'reader';
        break;
      case 'chat.read':
        isRight = role !== undefined;
        break;
      default:
    }
    return isRight ? [] : [`without a right: ${actorId} as ${role} did ${event.type} ${sequence}`];
  });
}

interface Dispatched {
  id: string;
  sequence?: string;
  partitionkey: string;
  type: string;
  data: { commandId: string; recipients?: string[] | null; forActor?: boolean | null };
}

const idOf = ({ partition, position, chatId, sequence }: LoggedEvent) =>
  sequence === null ? `p${partition}/${position}` : `${chatId}/${sequence}`;

/** Every committed event, the first copies in the order of each chat. */
function dispatch({ dispatched, world }: Ledger, logs: readonly LoggedEvent[]): string[] {
  const faults: string[] = [];
  const seen = new Map<string, string>();
  const lastOf = new Map<string, number>();
  const loggedById = new Map(logs.map((logged) => [idOf(logged), logged]));
  const copies: DispatchedCopy[] = [];
  for (const { id, body } of dispatched) {
    const text = Buffer.from(body).toString();
    const event = JSON.parse(text) as Dispatched;
    if (event.id !== id) faults.push(`mislabelled: ${id} says ${event.id}`);
    const committed = loggedById.get(id);
    if (committed !== undefined)
      copies.push({ logged: committed, recipients: event.data.recipients, forActor: event.data.forActor });
    if (seen.has(id)) continue;
    seen.set(id, text);
    if (event.sequence === undefined) continue;
    const sequence = Number(event.sequence);
    const last = lastOf.get(event.partitionkey) ?? 0;
    if (sequence < last) faults.push(`reordered: ${id} after ${last}`);
    else if (sequence > last + 1) faults.push(`gap: dispatch got ${id} after ${last}`);
    lastOf.set(event.partitionkey, Math.max(last, sequence));
  }
  faults.push(...recipientFaults(copies, logs));
  for (const [id, logged] of loggedById) {
    const text = seen.get(id);
    if (text === undefined) {
      faults.push(`lost: dispatch never got ${id}`);
      continue;
    }
    seen.delete(id);
    const event = JSON.parse(text) as Dispatched;
    if (event.type !== logged.event.type || event.data.commandId !== logged.commandId)
      faults.push(`changed: ${id} is ${logged.event.type}, dispatch got ${event.type}`);
  }
  for (const id of seen.keys()) faults.push(`unexpected: dispatch got ${id}, which was never committed`);
  for (const { partition, position, publishedThrough } of world.partitions.values())
    if (publishedThrough > position)
      faults.push(`ahead: partition ${partition} says it has published ${publishedThrough}`);
  return faults;
}

/** Nothing but what nobody can read, what workers die of, and what takes longer than a statement may. */
function deadLetters({ buried, unreadable, deadly, tooCostly }: Ledger): string[] {
  const faults: string[] = [];
  const found = new Set<string>();
  for (const { messageId = '', headers } of buried) {
    const reason = headers['x-parley-reason'];
    const isPoison = deadly.has(messageId) || tooCostly.has(messageId);
    const isDue = reason === 'malformed' ? unreadable.has(messageId) : reason === 'poison' && isPoison;
    if (isDue) found.add(messageId);
    else faults.push(`${messageId} was buried as ${reason}`);
  }
  for (const commandId of [...unreadable, ...deadly, ...tooCostly])
    if (!found.has(commandId)) faults.push(`not buried: ${commandId}`);
  return faults;
}
