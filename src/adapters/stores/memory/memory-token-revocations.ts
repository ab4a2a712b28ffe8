import { type UserKey, userKey } from '../../../application/ports/store/command-store.js';
import type { RevocationsRead, TokenRevocations } from '../../../application/ports/store/token-revocations.js';
import type { MemoryTables } from './memory-tables.js';

export class MemoryTokenRevocations implements TokenRevocations {
  /** `now` is the database's clock, in milliseconds. */
  constructor(
    private readonly tables: MemoryTables,
    private readonly now: () => number = Date.now,
  ) {}

  async revoke({ tenantId, userId }: UserKey, issuedBefore: Date | null): Promise<Date> {
    const { tokenRevocations } = this.tables;
    const key = userKey({ tenantId, userId });
    const given = Math.min(issuedBefore?.getTime() ?? Number.POSITIVE_INFINITY, this.now());
    const time = Math.max(tokenRevocations.get(key)?.issuedBefore.getTime() ?? 0, given);
    this.tables.tokenRevocationNumber += 1;
    const number = this.tables.tokenRevocationNumber;
    tokenRevocations.set(key, { tenantId, userId, issuedBefore: new Date(time), number });
    return new Date(time);
  }

  async latest(limit: number): Promise<RevocationsRead> {
    const all = [...this.tables.tokenRevocations.values()];
    const sorted = all.sort((a, b) => b.issuedBefore.getTime() - a.issuedBefore.getTime()).slice(0, limit);
    return { revocations: sorted.map(copyOf), through: Math.max(0, ...all.map(({ number }) => number)) };
  }

  async changedAfter(after: number, limit: number): Promise<RevocationsRead> {
    const rows = [...this.tables.tokenRevocations.values()]
      .filter(({ number }) => number > after)
      .sort((a, b) => a.number - b.number)
      .slice(0, limit);
    return { revocations: rows.map(copyOf), through: rows.at(-1)?.number ?? after };
  }

  async of(user: UserKey): Promise<Date | null> {
    const row = this.tables.tokenRevocations.get(userKey(user));
    return row === undefined ? null : new Date(row.issuedBefore);
  }

  async forget(before: Date, limit: number): Promise<void> {
    const { tokenRevocations } = this.tables;
    const old = [...tokenRevocations]
      .filter(([, { issuedBefore }]) => issuedBefore < before)
      .sort(([, a], [, b]) => a.issuedBefore.getTime() - b.issuedBefore.getTime())
      .slice(0, limit);
    for (const [key] of old) tokenRevocations.delete(key);
  }
}

function copyOf({ tenantId, userId, issuedBefore }: UserKey & { issuedBefore: Date }) {
  return { tenantId, userId, issuedBefore: new Date(issuedBefore) };
}
