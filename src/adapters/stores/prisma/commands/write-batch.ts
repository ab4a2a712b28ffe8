/**
 * Writes the net effect of a batch in one statement, which commits by itself. The exceptions are profiles and chat ids,
 * which other partitions may also write and which are rare. They are written first by statements of their own, and then
 * all statements are one transaction.
 *
 * Rows that partitions share are written in the same order in every batch (profiles, chat ids, chat counts of users,
 * receipts; by key within each). So batches can wait for each other but never deadlock.
 *
 * Raw: parts of one statement, and row locks in this order.
 */
import type { BatchRequest, BatchSnapshot, BatchWrites } from '../../../../application/ports/store/command-store.js';
import { Prisma } from '../generated/client.js';
import { insertDecisions } from '../log/decision-rows.js';
import { NO_SUCH_CHAT, NOT_AS_READ } from '../store-errors.js';
import {
  countReactions,
  countReplies,
  deleteAllReactions,
  deleteEmptyReactionCounts,
  deleteMessages,
  deleteReactionCounts,
  deleteReactions,
  deleteRevisions,
  deleteThreads,
  insertMessages,
  insertReactions,
  insertRevisions,
  insertStubs,
  updateMessages,
} from './write-message-rows.js';
import {
  insertEvents,
  movePartition,
  putDepartures,
  putFormerMemberships,
  putMembers,
  removeMembers,
  updateChats,
} from './write-partition-rows.js';
import { countUserChats, insertChats, insertReceipts, insertUsers, updateUsers } from './write-shared-rows.js';

export function hasProfilesOrChats({ users, chatsCreated }: BatchWrites): boolean {
  return users.length > 0 || chatsCreated.length > 0;
}

/**
 * Locks the partition's row first. Rejects with a `StoreError` of kind `contention` if another partition has changed a
 * row meanwhile.
 */
export async function writeProfilesAndChats(
  tx: Prisma.TransactionClient,
  { partition, epoch }: BatchRequest,
  { users, chatsCreated }: BatchWrites,
): Promise<void> {
  await tx.$queryRaw`SELECT 1 AS locked FROM partitions WHERE partition = ${partition} AND epoch = ${epoch} FOR UPDATE`;
  await insertUsers(tx, users);
  await updateUsers(tx, users);
  await insertChats(tx, chatsCreated);
}

/**
 * The statement that writes everything else, or nothing. It aborts if the partition is not as it was read, or a receipt
 * or a user's last free chat was taken meanwhile (`NOT_AS_READ`), or a chat is missing (`NO_SUCH_CHAT`). Throws a
 * `StoreError`, or a JavaScript error, if a value cannot be encoded.
 */
export function writeEverythingElse(request: BatchRequest, snapshot: BatchSnapshot, writes: BatchWrites): Prisma.Sql {
  const parts: Record<string, Prisma.Sql | null> = {
    moved: movePartition(request, snapshot, writes),
    chats_changed: updateChats(writes.chatsChanged),
    members_put: putMembers(writes),
    members_removed: removeMembers(writes),
    departures_put: putDepartures(request, writes),
    former_memberships_put: putFormerMemberships(writes),
    messages_new: insertMessages(writes),
    messages_changed: updateMessages(writes),
    messages_gone: deleteMessages(writes),
    stubs_new: insertStubs(writes),
    revisions_new: insertRevisions(writes),
    revisions_gone: deleteRevisions(writes),
    reactions_new: insertReactions(writes),
    reactions_gone: deleteReactions(writes),
    reactions_all_gone: deleteAllReactions(writes),
    reactions_counted: countReactions(writes),
    counts_empty: deleteEmptyReactionCounts(writes),
    counts_gone: deleteReactionCounts(writes),
    replies_counted: countReplies(writes),
    threads_gone: deleteThreads(writes),
    events_new: insertEvents(request, snapshot, writes),
    user_chats_counted: countUserChats(writes),
    receipts_new: insertReceipts(writes),
    decisions_new: insertDecisions(writes.decisions),
  };
  const present = Object.entries(parts).flatMap(([name, part]) =>
    part === null ? [] : [Prisma.sql`${Prisma.raw(name)} AS (${part})`],
  );
  // The conditions run in this order. So the partition's row is locked first, as by an acquisition of the lease, and
  // the rows that partitions share follow in their order.
  const conditions = [
    complete('moved', 1, NOT_AS_READ),
    ...(parts.chats_changed === null ? [] : [complete('chats_changed', writes.chatsChanged.length, NO_SUCH_CHAT)]),
    ...(parts.user_chats_counted === null
      ? []
      : [complete('user_chats_counted', writes.userChats.changes.length, NOT_AS_READ)]),
    ...(parts.receipts_new === null ? [] : [complete('receipts_new', writes.receipts.length, NOT_AS_READ)]),
  ];
  return Prisma.sql`WITH ${Prisma.join(present)} SELECT ${Prisma.join(conditions, ' AND ')} AS written`;
}

/** Checks that a part has written all of its rows. */
function complete(part: string, rows: number, otherwise: string): Prisma.Sql {
  return Prisma.sql`abort_unless((SELECT count(*) FROM ${Prisma.raw(part)}) = ${rows}::int8, ${otherwise})`;
}
