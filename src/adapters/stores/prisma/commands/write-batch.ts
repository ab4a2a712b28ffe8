/**
 * Writes the net effect of a batch in one statement, which commits by itself.
 *
 * Rows that partitions share are written in the same order in every batch (profiles, webhooks, chat ids, chat counts of
 * users, receipts; by key within each). So batches can wait for each other but never deadlock. Rows of the search
 * index, which batches share with indexers, are written after all of these.
 *
 * Raw: parts of one statement, and row locks in this order.
 */
import type { BatchRequest, BatchWrites } from '../../../../application/ports/store/command-store.js';
import { Prisma } from '../generated/client.js';
import { insertDecisions } from '../log/decision-rows.js';
import { markTextsGone } from '../search/write-search-marks.js';
import { NO_SUCH_CHAT, NOT_AS_READ } from '../store-errors.js';
import { deleteWebhooks, insertWebhooks, lockWebhooks, updateWebhooks } from '../webhooks/webhook-rows.js';
import type { ReadBatch } from './read-snapshot.js';
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
  movePartitions,
  putDepartures,
  putFormerMemberships,
  putMembers,
  removeMembers,
  updateChats,
} from './write-partition-rows.js';
import { countUserChats, insertChats, insertReceipts, insertUsers, updateUsers } from './write-shared-rows.js';

/**
 * Aborts if a partition, the period of the receipts, a profile, a chat id, a receipt or a user's last free chat is not
 * as it was read (`NOT_AS_READ`), or a chat is missing (`NO_SUCH_CHAT`). Throws a `StoreError`, or a JavaScript error,
 * if a value cannot be encoded.
 */
export function writeBatch(
  request: BatchRequest,
  read: ReadBatch,
  writes: BatchWrites,
  { hasSearch }: { hasSearch: boolean },
): Prisma.Sql {
  const parts: Record<string, Prisma.Sql | null> = {
    moved: movePartitions(request, read, writes),
    users_new: insertUsers(writes),
    users_changed: updateUsers(writes),
    webhooks_locked: lockWebhooks(writes),
    webhooks_changed: updateWebhooks(writes),
    webhooks_gone: deleteWebhooks(writes),
    webhooks_new: insertWebhooks(writes),
    chats_new: insertChats(writes),
    chats_changed: updateChats(writes.chatsChanged),
    members_put: putMembers(writes),
    members_removed: removeMembers(writes),
    departures_put: putDepartures(writes),
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
    events_new: insertEvents(writes),
    user_chats_counted: countUserChats(writes),
    receipts_new: insertReceipts(writes, read.receiptPeriod),
    decisions_new: insertDecisions(writes.decisions),
    texts_gone: hasSearch ? markTextsGone(writes) : null,
  };
  const present = Object.entries(parts).flatMap(([name, part]) =>
    part === null ? [] : [Prisma.sql`${Prisma.raw(name)} AS (${part})`],
  );
  const isNew = writes.users.filter(({ previousRevision }) => previousRevision === 0).length;
  const webhooksNew = writes.webhooks.filter(({ previousRevision }) => previousRevision === 0).length;
  const webhooksGone = writes.webhooks.filter(({ webhook }) => webhook === null).length;
  // The conditions run in this order. So the partitions' rows are locked first, as by an acquisition of leases, and the
  // rows that partitions share follow in their order.
  const expected: [part: string, rows: number, otherwise: string][] = [
    ['moved', request.leases.length, NOT_AS_READ],
    ['users_new', isNew, NOT_AS_READ],
    ['users_changed', writes.users.length - isNew, NOT_AS_READ],
    ['webhooks_changed', writes.webhooks.length - webhooksNew - webhooksGone, NOT_AS_READ],
    ['webhooks_gone', webhooksGone, NOT_AS_READ],
    ['webhooks_new', webhooksNew, NOT_AS_READ],
    ['chats_new', writes.chatsCreated.length, NOT_AS_READ],
    ['chats_changed', writes.chatsChanged.length, NO_SUCH_CHAT],
    ['user_chats_counted', writes.userChats.changes.length, NOT_AS_READ],
    ['receipts_new', writes.receipts.length, NOT_AS_READ],
  ];
  const conditions = expected.flatMap(([part, rows, otherwise]) =>
    parts[part] == null ? [] : [complete(part, rows, otherwise)],
  );
  return Prisma.sql`WITH ${Prisma.join(present)} SELECT ${Prisma.join(conditions, ' AND ')} AS written`;
}

/** Checks that a part has written all of its rows. */
function complete(part: string, rows: number, otherwise: string): Prisma.Sql {
  return Prisma.sql`abort_unless((SELECT count(*) FROM ${Prisma.raw(part)}) = ${rows}::int8, ${otherwise})`;
}
