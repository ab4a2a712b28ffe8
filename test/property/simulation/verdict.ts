/** The ledger of a simulated story: compares commands, receipts, stored state and dispatched events exactly. */
import type { MemoryTables } from '../../../src/adapters/stores/memory/memory-tables.js';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import type { OutgoingEvent } from '../../../src/application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../src/contract/messages/delivery.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import type { Role } from '../../../src/domain/chat.js';
import { type DispatchedCopy, recipientFaults } from './recipients-verdict.js';
import type { StoryCommand } from './story.js';

export interface Ledger {
  /** The first command by actor and id, if it can be decoded. */
  attempted: Map<string, StoryCommand>;
  /** Every receipt that reached a producer, by actor and id. */
  receipts: Map<string, Receipt[]>;
  /** Every receipt that reached the broker, in order, with the worker that sent it. */
  answered: { worker: string; receipt: Receipt }[];
  unreadable: Set<string>;
  /** Ids of the commands that crash workers. */
  deadly: ReadonlySet<string>;
  /** Ids of the commands that exceed the statement timeout. */
  tooCostly: ReadonlySet<string>;
  dispatched: readonly OutgoingEvent[];
  deadLettered: readonly IncomingCommand[];
  tables: MemoryTables;
  /** Events that were deleted from the log. */
  pruned: readonly LoggedEvent[];
  /** Commits to a partition that another worker owned. */
  intrusions: readonly { worker: string; partition: number; owner: string | null }[];
}

/** Why the ledger is not closed. Empty if it is closed. */
export function faultsOf(ledger: Ledger): string[] {
  const logs = [...committed(ledger).values()].flat();
  return [
    ...ledger.intrusions.map(
      ({ worker, partition, owner }) => `not fenced: ${worker} committed to partition ${partition} of ${owner}`,
    ),
    ...answers(ledger),
    ...answersInOrder(ledger),
    ...effects(ledger, logs),
    ...numbers(ledger, logs),
    ...floors(ledger),
    ...rights(logs),
    ...dispatch(ledger, logs),
    ...deadLetters(ledger),
  ];
}

const keyOf = ({ actorId, commandId }: { actorId: string; commandId: string }) => `${actorId} ${commandId}`;

function answers({ attempted, receipts, tables }: Ledger): string[] {
  return [...attempted.keys()].flatMap((key) => {
    const stored = tables.receipts.get(`default ${key}`)?.receipt;
    const given = receipts.get(key) ?? [];
    if (stored === undefined) return [`lost: ${key} has no stored receipt`];
    return given.flatMap((receipt) => {
      if (receipt.reason?.code === 'conflict' && receipt.status === 'rejected') return [];
      const { replayed: _, ...sent } = receipt;
      const { replayed: __, ...kept } = stored;
      return JSON.stringify(sent) === JSON.stringify(kept)
        ? []
        : [`wrong receipt: ${key} sent ${JSON.stringify(sent)}, stored ${JSON.stringify(kept)}`];
    });
  });
}

/** A worker answers the commands of a chat in the order of their effects. */
function answersInOrder({ answered }: Ledger): string[] {
  const lastOf = new Map<string, number>();
  return answered.flatMap(({ worker, receipt: { chatId, sequence, replayed, commandId } }) => {
    if (sequence === null || replayed) return [];
    const last = lastOf.get(`${worker} ${chatId}`) ?? 0;
    lastOf.set(`${worker} ${chatId}`, Math.max(last, sequence));
    return sequence > last
      ? []
      : [`reordered: ${worker} answered ${commandId} with sequence ${sequence} of ${chatId} after ${last}`];
  });
}

/** Each accepted command has one effect, other commands have none, and effects are in the order of the producer. */
function effects({ attempted, tables }: Ledger, logs: readonly LoggedEvent[]): string[] {
  const faults: string[] = [];
  const effectOf = new Map<string, LoggedEvent[]>();
  for (const event of logs) effectOf.set(keyOf(event), [...(effectOf.get(keyOf(event)) ?? []), event]);
  for (const [key, events] of effectOf) {
    if (events.length > 1) faults.push(`doubled: ${key} has ${events.length} effects`);
    if (!attempted.has(key)) faults.push(`unexpected: ${key} has an event and was never sent`);
  }
  for (const key of attempted.keys()) {
    const receipt = tables.receipts.get(`default ${key}`)?.receipt;
    const [event] = effectOf.get(key) ?? [];
    if (receipt === undefined) continue;
    if (receipt.sequence !== null && event?.sequence !== receipt.sequence)
      faults.push(`lost: the receipt of ${key} has sequence ${receipt.sequence}, its event has ${event?.sequence}`);
    if (receipt.status === 'rejected' && event?.event.type !== 'command.rejected')
      faults.push(`unexpected: ${key} was rejected and has the event ${event?.event.type}`);
  }
  const askedAt = new Map([...attempted.keys()].map((key, index) => [key, index]));
  const lastOf = new Map<string, number>();
  for (const event of logs) {
    const chat = event.chatId;
    const asked = askedAt.get(keyOf(event)) ?? 0;
    if (chat === null) continue;
    if (asked < (lastOf.get(chat) ?? 0)) faults.push(`reordered: ${keyOf(event)} took effect out of order in ${chat}`);
    lastOf.set(chat, asked);
  }
  return faults;
}

/** The log of each partition with the pruned events, in the order of positions. */
function committed({ tables, pruned }: Ledger): Map<number, LoggedEvent[]> {
  const all = new Map([...tables.log].map(([partition, log]) => [partition, [...log]]));
  for (const event of pruned) all.get(event.partition)?.push(event);
  for (const log of all.values()) log.sort((a, b) => a.position - b.position);
  return all;
}

/** Only published events of rejected commands are pruned, and the floor of the log is above them. */
function floors({ tables, pruned }: Ledger): string[] {
  const faults = pruned.flatMap(({ partition, position, event }) => {
    const floor = tables.partitions.get(partition)?.logFloor ?? 0;
    const wrong = [
      ...(event.type === 'command.rejected' ? [] : ['is not an event of a rejected command']),
      ...(position <= floor ? [] : [`is above the floor ${floor}`]),
    ];
    return wrong.map((why) => `pruned: position ${position} of partition ${partition} ${why}`);
  });
  for (const { partition, publishedThrough, logFloor, logPruned } of tables.partitions.values()) {
    const count = pruned.filter((event) => event.partition === partition).length;
    if (count !== logPruned)
      faults.push(`pruned: ${count} events of partition ${partition}, but its count is ${logPruned}`);
    if (logFloor > publishedThrough)
      faults.push(
        `pruned: the floor ${logFloor} of partition ${partition} is above the published position ${publishedThrough}`,
      );
  }
  return faults;
}

function numbers(ledger: Ledger, logs: readonly LoggedEvent[]): string[] {
  const { tables } = ledger;
  const faults: string[] = [];
  for (const [partition, log] of committed(ledger))
    for (const [index, { position }] of log.entries())
      if (position !== index + 1)
        faults.push(`gap: partition ${partition} has position ${position} instead of ${index + 1}`);
  for (const chat of tables.chats.values()) {
    const own = logs.filter(({ chatId, sequence }) => chatId === chat.chatId && sequence !== null);
    own.forEach(({ sequence }, index) => {
      if (sequence !== index + 1) faults.push(`gap: ${chat.chatId} has sequence ${sequence} instead of ${index + 1}`);
    });
    if (chat.lastSequence !== own.length)
      faults.push(`gap: ${chat.chatId} has lastSequence ${chat.lastSequence} and ${own.length} events`);
    const members = [...(tables.members.get(chat.chatId)?.values() ?? [])];
    if (members.length !== chat.memberCount)
      faults.push(`miscounted: ${chat.chatId} has memberCount ${chat.memberCount} and ${members.length} members`);
    const created = own.filter(({ event }) => event.type === 'message.created').length;
    const removed = [...tables.removedMessages.values()].filter(({ chatId }) => chatId === chat.chatId).length;
    const kept = (tables.messagesOfChat.get(chat.chatId)?.length ?? 0) + removed;
    if (created !== kept)
      faults.push(`lost: ${chat.chatId} has ${kept} messages and ${created} events of new messages`);
  }
  return faults;
}

/** An independent form of the default policy: commands that took effect without permission at their sequence. */
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
    return isRight ? [] : [`not permitted: ${actorId} with role ${role} caused ${event.type} ${sequence}`];
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

/** Every committed event is dispatched; the first copies are in the order of each chat. */
function dispatch({ dispatched, tables }: Ledger, logs: readonly LoggedEvent[]): string[] {
  const faults: string[] = [];
  const seen = new Map<string, string>();
  const lastOf = new Map<string, number>();
  const loggedById = new Map(logs.map((logged) => [idOf(logged), logged]));
  const copies: DispatchedCopy[] = [];
  for (const { id, body } of dispatched) {
    const text = Buffer.from(body).toString();
    const event = JSON.parse(text) as Dispatched;
    if (event.id !== id) faults.push(`changed: message id ${id}, event id ${event.id}`);
    const committed = loggedById.get(id);
    if (committed !== undefined)
      copies.push({ logged: committed, recipients: event.data.recipients, forActor: event.data.forActor });
    if (seen.has(id)) continue;
    seen.set(id, text);
    if (event.sequence === undefined) continue;
    const sequence = Number(event.sequence);
    const last = lastOf.get(event.partitionkey) ?? 0;
    if (sequence < last) faults.push(`reordered: dispatch got ${id} after sequence ${last}`);
    else if (sequence > last + 1) faults.push(`gap: dispatch got ${id} after sequence ${last}`);
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
      faults.push(
        `changed: ${id} is ${logged.event.type} of ${logged.commandId}, dispatch got ${event.type} of ${event.data.commandId}`,
      );
  }
  for (const id of seen.keys()) faults.push(`unexpected: dispatch got ${id}, which was never committed`);
  for (const { partition, position, publishedThrough } of tables.partitions.values())
    if (publishedThrough > position)
      faults.push(`ahead: partition ${partition} has published position ${publishedThrough} of ${position}`);
  return faults;
}

/** Exactly the malformed commands, and those that crash workers or exceed the statement timeout, are dead letters. */
function deadLetters({ deadLettered, unreadable, deadly, tooCostly }: Ledger): string[] {
  const faults: string[] = [];
  const found = new Set<string>();
  for (const { messageId = '', headers } of deadLettered) {
    const reason = headers['x-parley-reason'];
    const isPoison = deadly.has(messageId) || tooCostly.has(messageId);
    const isDue = reason === 'malformed' ? unreadable.has(messageId) : reason === 'poison' && isPoison;
    if (isDue) found.add(messageId);
    else faults.push(`unexpected: ${messageId} is a dead letter with the reason ${reason}`);
  }
  for (const commandId of [...unreadable, ...deadly, ...tooCostly])
    if (!found.has(commandId)) faults.push(`lost: ${commandId} is not a dead letter`);
  return faults;
}
