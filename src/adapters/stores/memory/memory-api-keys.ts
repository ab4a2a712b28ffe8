import type { ApiKey, ApiKeys, StoredApiKey } from '../../../application/ports/store/api-keys.js';
import type { UserKey } from '../../../application/ports/store/command-store.js';
import { copy } from './copy.js';
import type { MemoryTables } from './memory-tables.js';

export class MemoryApiKeys implements ApiKeys {
  constructor(private readonly tables: MemoryTables) {}

  async add(key: StoredApiKey, max: number): Promise<boolean> {
    if ((await this.list(key)).length >= max) return false;
    this.tables.apiKeys.set(key.keyId, { ...copy(key), hash: Uint8Array.from(key.hash) });
    return true;
  }

  async list({ tenantId, userId }: UserKey): Promise<ApiKey[]> {
    return [...this.tables.apiKeys.values()]
      .filter((key) => key.tenantId === tenantId && key.userId === userId)
      .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
      .map(withoutHash);
  }

  async remove({ tenantId, userId }: UserKey, keyId: string): Promise<ApiKey | null> {
    const key = this.tables.apiKeys.get(keyId);
    if (key === undefined || key.tenantId !== tenantId || key.userId !== userId) return null;
    this.tables.apiKeys.delete(keyId);
    return withoutHash(key);
  }

  async find(keyIds: readonly string[]): Promise<StoredApiKey[]> {
    return keyIds.flatMap((keyId) => this.tables.apiKeys.get(keyId) ?? []);
  }
}

function withoutHash({ hash: _, ...key }: StoredApiKey): ApiKey {
  return { ...key, scopes: [...key.scopes] };
}
