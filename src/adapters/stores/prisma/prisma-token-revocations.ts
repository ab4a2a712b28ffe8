import type { UserKey } from '../../../application/ports/store/command-store.js';
import type {
  Revocation,
  RevocationsRead,
  TokenRevocations,
} from '../../../application/ports/store/token-revocations.js';
import type { PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/** Any constant that no other lock uses. */
const WRITER_LOCK = 72_707_370;

type NumberedRow = Revocation & { number: bigint };
const COLUMNS = { tenantId: true, userId: true, issuedBefore: true, number: true } as const;

/**
 * Every method rejects with a `StoreError`.
 *
 * Raw: the clock and a lock of the server, and a deletion with a limit.
 */
export class PrismaTokenRevocations implements TokenRevocations {
  constructor(private readonly database: PrismaClient) {}

  async revoke({ tenantId, userId }: UserKey, issuedBefore: Date | null): Promise<Date> {
    const [, rows] = await this.database
      .$transaction([
        // Numbers of a sequence commit out of order. With the lock, a reader cannot pass one that commits later.
        this.database.$executeRaw`SELECT pg_advisory_xact_lock(${WRITER_LOCK}::int8)`,
        this.database.$queryRaw<{ issuedBefore: Date }[]>`
          INSERT INTO token_revocations AS r (tenant_id, user_id, issued_before, revoked_at, number)
          SELECT ${tenantId}, ${userId}, least(${issuedBefore}::timestamptz, clock_timestamp()), clock_timestamp(),
            nextval('token_revocation_numbers')
          ON CONFLICT (tenant_id, user_id) DO UPDATE SET number = EXCLUDED.number, revoked_at = EXCLUDED.revoked_at,
            issued_before = greatest(r.issued_before, EXCLUDED.issued_before)
          RETURNING issued_before AS "issuedBefore"`,
      ])
      .catch(rethrow);
    const [row] = rows;
    if (row === undefined) throw new Error('a revocation was not written');
    return row.issuedBefore;
  }

  async latest(limit: number): Promise<RevocationsRead> {
    // The number first: what commits between the two statements is read again as a change.
    const { _max: max } = await this.database.tokenRevocation.aggregate({ _max: { number: true } }).catch(rethrow);
    const rows = await this.database.tokenRevocation
      .findMany({ select: COLUMNS, orderBy: { issuedBefore: 'desc' }, take: limit })
      .catch(rethrow);
    return { revocations: rows.map(withoutNumber), through: Number(max.number ?? 0n) };
  }

  async changedAfter(number: number, limit: number): Promise<RevocationsRead> {
    const where = { number: { gt: BigInt(number) } };
    const rows = await this.database.tokenRevocation
      .findMany({ select: COLUMNS, where, orderBy: { number: 'asc' }, take: limit })
      .catch(rethrow);
    return { revocations: rows.map(withoutNumber), through: Number(rows.at(-1)?.number ?? number) };
  }

  async of({ tenantId, userId }: UserKey): Promise<Date | null> {
    const row = await this.database.tokenRevocation
      .findFirst({ select: { issuedBefore: true }, where: { tenantId, userId } })
      .catch(rethrow);
    return row?.issuedBefore ?? null;
  }

  async forget(before: Date, limit: number): Promise<void> {
    await this.database.$executeRaw`
      DELETE FROM token_revocations WHERE issued_before < ${before} AND (tenant_id, user_id) IN (
        SELECT tenant_id, user_id FROM token_revocations WHERE issued_before < ${before}
        ORDER BY issued_before LIMIT ${limit}::int8)`.catch(rethrow);
  }
}

function withoutNumber({ number: _, ...revocation }: NumberedRow): Revocation {
  return revocation;
}
