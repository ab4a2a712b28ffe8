/**
 * The net effect of a batch. Profiles and chat ids, which other partitions may be writing too, come first, in statements of their own;
 * everything else is one statement: each one less is a round trip less while the partition's row is held.
 *
 * What spans partitions is written in the same order in every batch (profiles, chat ids, receipts; by key within each): batches can wait for
 * each other, but never in a circle.
 */
import { type BatchRequest, type BatchWrites, type Facts, StoreError } from '../../application/ports/command-store.js';
import { insertDecisions } from './decision-rows.js';
import { Prisma } from './generated/client.js';
import { contention } from './store-errors.js';
import {
  countReactions,
  countReplies,
  deleteAllReactions,
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
  putMembers,
  putStandings,
  removeMembers,
  updateChats,
} from './write-partition-rows.js';
import { insertChats, insertReceipts, insertUsers, updateUsers } from './write-shared-rows.js';

/** How many rows were written where somebody else's row, or none, may have been in the way; null where there was nothing to write. */
interface Written {
  chats: number | null;
  receipts: number | null;
}

/** Rejects with a `StoreError` of kind `contention` where a row that spans partitions came in between; else as the database does. */
export async function writeBatch(
  tx: Prisma.TransactionClient,
  request: BatchRequest,
  facts: Facts,
  writes: BatchWrites,
): Promise<void> {
  await insertUsers(tx, writes.users);
  await updateUsers(tx, writes.users);
  await insertChats(tx, writes.chatsCreated);

  const parts: Record<string, Prisma.Sql | null> = {
    chats_changed: updateChats(writes.chatsChanged),
    members_put: putMembers(writes),
    members_removed: removeMembers(writes),
    departures_put: putDepartures(request, writes),
    standings_put: putStandings(writes),
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
    counts_gone: deleteReactionCounts(writes),
    replies_counted: countReplies(writes),
    threads_gone: deleteThreads(writes),
    events_new: insertEvents(request, facts, writes),
    receipts_new: insertReceipts(writes),
    decisions_new: insertDecisions(writes.decisions),
    moved: movePartition(request, facts.position + writes.events.length),
  };
  const present = Object.entries(parts).flatMap(([name, part]) =>
    part === null ? [] : [Prisma.sql`${Prisma.raw(name)} AS (${part})`],
  );
  const count = (name: string) =>
    parts[name] === null ? Prisma.sql`NULL::int4` : Prisma.sql`(SELECT count(*)::int4 FROM ${Prisma.raw(name)})`;
  const [written] = await tx.$queryRaw<Written[]>`
    WITH ${Prisma.join(present)} SELECT ${count('chats_changed')} AS chats, ${count('receipts_new')} AS receipts`;
  if ((written?.chats ?? 0) < writes.chatsChanged.length)
    throw new StoreError('refused', 'a chat that is to be changed does not exist');
  if ((written?.receipts ?? 0) < writes.receipts.length) throw contention('a receipt of the same command');
}
