import type { TransportState } from '../../../application/ports/store/transport-state.js';
import type { PrismaClient } from './generated/client.js';
import { TRANSACTION_START_TIMEOUT_MS } from './prisma-database.js';
import { rethrow, toStoreError } from './store-errors.js';

/** Key of the advisory lock of `exclusively`. Any number that nothing else in the database uses. */
export const TRANSPORT_LOCK = 72_707_370;
/**
 * Maximum duration of `exclusively`'s work. After it the lock is released. Below SILENCE_TIMEOUT_MS, because the
 * connection has no traffic meanwhile.
 */
export const EXCLUSIVE_TIMEOUT_MS = 15_000;
/** For waiting and working. */
const EXCLUSIVE_TRANSACTION_TIMEOUT_MS = 2 * EXCLUSIVE_TIMEOUT_MS;

/** Every method rejects with a `StoreError`, except that the errors of `exclusively`'s work pass through. */
export class PrismaTransportState implements TransportState {
  constructor(private readonly database: PrismaClient) {}

  /** A transaction holds the lock and writes nothing, so that what `raise` writes meanwhile is committed at once. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    let failure: { error: unknown } | null = null;
    try {
      return await this.database.$transaction(
        async (tx) => {
          // Raw: a setting and a lock.
          await tx.$queryRaw`SELECT set_config('idle_in_transaction_session_timeout', ${String(EXCLUSIVE_TIMEOUT_MS)}, true)`;
          await tx.$queryRaw`SELECT 1 AS locked FROM pg_advisory_xact_lock(${TRANSPORT_LOCK}::int8)`;
          return await work().catch((error: unknown) => {
            failure = { error };
            throw error;
          });
        },
        { timeout: EXCLUSIVE_TRANSACTION_TIMEOUT_MS, maxWait: TRANSACTION_START_TIMEOUT_MS },
      );
    } catch (error) {
      if (failure !== null) throw (failure as { error: unknown }).error;
      throw toStoreError(error);
    }
  }

  async read(names: readonly string[]): Promise<number[]> {
    const rows = await this.database.transportNumber.findMany({ where: { name: { in: [...names] } } }).catch(rethrow);
    const values = new Map(rows.map(({ name, value }) => [name, Number(value)]));
    return names.map((name) => values.get(name) ?? 0);
  }

  async raise(name: string, value: number): Promise<void> {
    // Raw: GREATEST, so that concurrent callers never lower it.
    await this.database.$executeRaw`
        INSERT INTO transport_numbers AS known (name, value) VALUES (${name}, ${value})
        ON CONFLICT (name) DO UPDATE SET value = GREATEST(known.value, EXCLUDED.value)`.catch(rethrow);
  }
}
