/**
 * A statement that stores receipts of alice, as another worker would.
 * @param commandIds a query for their command ids
 */
export function plantReceipts(commandIds: string): string {
  return `INSERT INTO receipts (slot, key, content_hash, at, tenant_id, actor_id, rest)
    SELECT (SELECT coalesce(max(receipt_period), 0) % 4 FROM partitions), receipt_key('default', 'alice', c.id), md5(c.id)::uuid,
      now(), 'default', 'alice', ''
    FROM (${commandIds}) AS c(id)`;
}
