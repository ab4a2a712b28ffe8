import type { ApiKey, ApiKeys, KeyScope, StoredApiKey } from '../../../application/ports/store/api-keys.js';
import type { UserKey } from '../../../application/ports/store/command-store.js';
import { column, hex, time } from './columns.js';
import type { PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

const COLUMNS = {
  ...{ keyId: true, tenantId: true, userId: true, label: true, scopes: true },
  ...{ createdBy: true, createdAt: true, expiresAt: true },
} as const;

type Row = Omit<ApiKey, 'scopes'> & { scopes: string[] };

/**
 * Every method rejects with a `StoreError`.
 *
 * Raw: an insertion with a condition.
 */
export class PrismaApiKeys implements ApiKeys {
  constructor(private readonly database: PrismaClient) {}

  async add({ hash, ...key }: StoredApiKey, max: number): Promise<boolean> {
    const { keyId, tenantId, userId, label, scopes, createdBy, createdAt, expiresAt } = key;
    const count = await this.database.$executeRaw`
      INSERT INTO api_keys (key_id, tenant_id, user_id, hash, label, scopes, created_by, created_at, expires_at)
      SELECT ${keyId}::uuid, ${tenantId}, ${userId}, decode(${hex(hash)}, 'hex'), ${label},
        ${column(scopes, (scope) => scope)}::text[], ${createdBy}, ${time(createdAt)}::timestamptz, ${time(expiresAt)}::timestamptz
      WHERE (SELECT count(*) FROM api_keys k WHERE k.tenant_id = ${tenantId} AND k.user_id = ${userId}) < ${max}::int4`.catch(
      rethrow,
    );
    return count === 1;
  }

  async list({ tenantId, userId }: UserKey): Promise<ApiKey[]> {
    const rows = await this.database.apiKey
      .findMany({ select: COLUMNS, where: { tenantId, userId }, orderBy: { createdAt: 'asc' } })
      .catch(rethrow);
    return rows.map(toKey);
  }

  async remove({ tenantId, userId }: UserKey, keyId: string): Promise<ApiKey | null> {
    const where = { tenantId, userId, keyId };
    const row = await this.database.apiKey.findFirst({ select: COLUMNS, where }).catch(rethrow);
    if (row === null) return null;
    const { count } = await this.database.apiKey.deleteMany({ where }).catch(rethrow);
    return count === 0 ? null : toKey(row);
  }

  async find(keyIds: readonly string[]): Promise<StoredApiKey[]> {
    const rows = await this.database.apiKey
      .findMany({ select: { ...COLUMNS, hash: true }, where: { keyId: { in: [...keyIds] } } })
      .catch(rethrow);
    return rows.map((row) => ({ ...toKey(row), hash: row.hash }));
  }
}

function toKey({ keyId, tenantId, userId, label, scopes, createdBy, createdAt, expiresAt }: Row): ApiKey {
  return { keyId, tenantId, userId, label, scopes: scopes as KeyScope[], createdBy, createdAt, expiresAt };
}
