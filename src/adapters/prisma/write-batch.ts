/**
 * The net effect of a batch, in at most two statements a table. The order of the tables is the same in every batch: it is what keeps
 * batches of different partitions from waiting for each other in a circle.
 */
import type { BatchRequest, BatchWrites, Facts } from '../../application/ports/command-store.js';
import type { Prisma } from './generated/client.js';
import {
  insertEvents,
  insertMessages,
  movePartition,
  putMembers,
  removeMembers,
  updateChats,
} from './write-partition-rows.js';
import { insertChats, insertReceipts, insertUsers, updateUsers } from './write-shared-rows.js';

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
  await updateChats(tx, writes.chatsChanged);
  await putMembers(tx, writes);
  await removeMembers(tx, writes);
  await insertMessages(tx, writes);
  await insertEvents(tx, request, facts, writes);
  await insertReceipts(tx, writes);
  await movePartition(tx, request, facts.position + writes.events.length);
}
