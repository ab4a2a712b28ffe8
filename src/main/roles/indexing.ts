/** Fills the search index. Part of a worker, or the role `indexer`. */
import { realTime } from '../../application/runtime/time.js';
import { relayParts } from './relay/relay-parts.js';
import type { RoleContext, RoleParts } from './role.js';

/**
 * @param within the role, for the id of the relay
 * @param isBusy whether commands wait in this process; the indexer gives way to them
 * @returns null if the store keeps no search index
 */
export async function indexingParts(
  context: RoleContext,
  within: string,
  isBusy: () => boolean,
): Promise<RoleParts | null> {
  const { SearchIndexer } = await import('../../application/search/search-indexer.js');
  const { searchIndex } = context.store;
  if (searchIndex === null) return null;
  const indexer = new SearchIndexer({ index: searchIndex, time: realTime, isBusy });
  const relayId = `${context.workerId}-${within}`;
  return relayParts(context, { name: 'search indexer', relayId, consumers: [indexer] });
}
