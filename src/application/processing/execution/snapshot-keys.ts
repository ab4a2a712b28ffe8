import { addSnapshotKeys } from '../../commands/registry.js';
import type { SnapshotKeys } from '../../ports/store/command-store.js';
import { type BatchItem, identityOf } from '../../snapshot/batch-item.js';
import { SnapshotKeySet } from '../../snapshot/snapshot-key-set.js';

/** Collects the keys of everything that deciding the batch needs, so that one statement reads it. */
export function snapshotKeysOf(items: readonly BatchItem[]): SnapshotKeys {
  const keys = new SnapshotKeySet();
  for (const item of items) {
    if (item.unauthenticated !== null) continue;
    const { tenantId, actorId, commandId } = identityOf(item);
    keys.receipts.add({ tenantId, actorId, commandId });
    if (item.decoded.outcome !== 'command') continue;
    const { command } = item.decoded;
    keys.users.add({ tenantId, userId: actorId });
    if (command.chatId !== null) {
      keys.chats.add(command.chatId);
      keys.members.add({ chatId: command.chatId, userId: actorId });
    }
    addSnapshotKeys(command, keys);
  }
  return keys.list();
}
