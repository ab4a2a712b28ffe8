/**
 * The ledger of a run: every command that was published, its receipts, and every dispatched event. The producer and the
 * dispatch consumer write it; at the end it is compared with the database. It is closed if nothing is lost, doubled,
 * reordered, missing or unexpected.
 */
import pg from 'pg';
import { storedReceiptKey } from '../../../src/adapters/stores/prisma/receipts/receipt-key.js';
import { eventually } from '../eventually.js';

export interface Verdict {
  /** Commands whose publishing the broker confirmed. */
  attempted: number;
  /** Commands with at least one receipt. */
  receipted: number;
  /** Commands with a stored receipt, or with a kind of receipt that is not stored, such as conflicts. */
  stored: number;
  /** Events in the log that are marked as confirmed. */
  published: number;
  /** Different events that dispatch received. */
  dispatched: number;
  /** Confirmed commands without a stored receipt, and committed events that were not dispatched. */
  lost: number;
  /** Commands with more than one effect. */
  doubled: number;
  /** Events whose first copy was dispatched out of order in its chat. */
  reordered: number;
  /** Missing sequence numbers of chats, in the store or among dispatched events. */
  gaps: number;
  /** Dispatched events that are not in the log. */
  unexpected: number;
}

interface Attempt {
  actorId: string;
  commandId: string;
  receipts: { status: string; code: string | null; sequence: number | null }[];
}

const UNSTORED = new Set(['conflict', 'unauthenticated', 'rate_limited']);

export class Ledger {
  private readonly attempts = new Map<string, Attempt>();
  /** Attempts without a receipt. */
  private readonly waiting = new Set<string>();
  private readonly dispatched = new Set<string>();
  private readonly lastSequence = new Map<string, number>();
  private reordered = 0;
  private readonly missingAtDispatch = new Map<string, Set<number>>();

  private static key(actorId: string, commandId: string): string {
    return `${actorId} ${commandId}`;
  }

  attempted(actorId: string, commandId: string): void {
    const key = Ledger.key(actorId, commandId);
    if (this.attempts.has(key)) return;
    this.attempts.set(key, { actorId, commandId, receipts: [] });
    this.waiting.add(key);
  }

  receipted(
    actorId: string,
    receipt: { commandId: string; status: string; sequence: number | null; reason?: { code: string } | undefined },
  ): void {
    // A receipt can be here before the confirm of its command.
    this.attempted(actorId, receipt.commandId);
    const key = Ledger.key(actorId, receipt.commandId);
    this.waiting.delete(key);
    const attempt = this.attempts.get(key);
    attempt?.receipts.push({ status: receipt.status, code: receipt.reason?.code ?? null, sequence: receipt.sequence });
  }

  /** One copy of an event, in the order of dispatch. */
  dispatchedEvent(event: { id: string; sequence?: string; partitionkey: string }): void {
    const isFirst = !this.dispatched.has(event.id);
    this.dispatched.add(event.id);
    if (!isFirst || event.sequence === undefined) return;
    const sequence = Number(event.sequence);
    const last = this.lastSequence.get(event.partitionkey) ?? 0;
    const missing = this.missingAtDispatch.get(event.partitionkey);
    if (missing?.delete(sequence)) {
      this.reordered += 1;
      return;
    }
    for (let skipped = last + 1; skipped < sequence; skipped += 1) {
      const skippedHere = this.missingAtDispatch.get(event.partitionkey) ?? new Set<number>();
      skippedHere.add(skipped);
      this.missingAtDispatch.set(event.partitionkey, skippedHere);
    }
    if (sequence > last) this.lastSequence.set(event.partitionkey, sequence);
  }

  get unanswered(): number {
    return this.waiting.size;
  }

  get unansweredKeys(): string[] {
    return [...this.waiting];
  }

  get dispatchedCount(): number {
    return this.dispatched.size;
  }

  /** Waits until every command is stored and every event is dispatched, at most until the deadline. */
  async close(databaseUrl: string, withinMs = 30_000): Promise<Verdict> {
    const client = new pg.Client({ connectionString: databaseUrl });
    client.on('error', () => undefined); // the pending statement fails with it too
    await client.connect();
    try {
      let verdict = await this.reconcile(client);
      await eventually(
        async () => {
          verdict = await this.reconcile(client);
          return verdict.lost === 0 && verdict.published === verdict.dispatched;
        },
        { within: withinMs, what: 'the ledger closes' },
      ).catch(() => undefined);
      return verdict;
    } finally {
      await client.end();
    }
  }

  private async reconcile(client: pg.Client): Promise<Verdict> {
    const receipts = await client.query<{ tenant: string; key: string }>(
      'SELECT tenant_id AS tenant, key FROM receipts',
    );
    const keys = new Set(receipts.rows.map((row) => row.key));
    const tenants = [...new Set(receipts.rows.map((row) => row.tenant))];
    const isStored = ({ actorId, commandId }: Attempt) =>
      tenants.some((tenantId) => keys.has(storedReceiptKey({ tenantId, actorId, commandId })));
    const events = await client.query<{ id: string; key: string; partition: number; position: string; type: string }>(
      `SELECT CASE WHEN sequence IS NULL THEN 'p' || partition || '/' || position ELSE chat_id || '/' || sequence END AS id,
         actor_id || ' ' || command_id AS key, partition, position, type FROM chat_events`,
    );
    const published = await client.query<{ count: string }>(
      `SELECT count(*) AS count FROM chat_events e JOIN partitions p USING (partition) WHERE e.position <= p.published_through`,
    );
    const holes = await client.query<{ gaps: string }>(
      `SELECT coalesce(sum(greatest(c.last_sequence, e.top) - e.seen), 0) AS gaps FROM chats c
       JOIN (SELECT chat_id, count(sequence) AS seen, max(sequence) AS top FROM chat_events WHERE chat_id IS NOT NULL GROUP BY chat_id) e
         USING (chat_id)`,
    );
    const logged = new Set(events.rows.map(({ id }) => id));
    const effects = new Map<string, number>();
    for (const { key } of events.rows) effects.set(key, (effects.get(key) ?? 0) + 1);
    let lost = 0;
    let settled = 0;
    for (const attempt of this.attempts.values()) {
      const kept = isStored(attempt) || attempt.receipts.some(({ code }) => code !== null && UNSTORED.has(code));
      if (kept) settled += 1;
      else lost += 1;
    }
    for (const id of logged) if (!this.dispatched.has(id)) lost += 1;
    let missing = 0;
    for (const sequences of this.missingAtDispatch.values()) missing += sequences.size;
    return {
      attempted: this.attempts.size,
      receipted: this.attempts.size - this.unanswered,
      stored: settled,
      published: Number(published.rows[0]?.count ?? 0),
      dispatched: this.dispatched.size,
      lost,
      doubled: [...effects.values()].filter((count) => count > 1).length,
      reordered: this.reordered,
      gaps: Number(holes.rows[0]?.gaps ?? 0) + missing,
      unexpected: [...this.dispatched].filter((id) => !logged.has(id)).length,
    };
  }
}

/** Why the ledger is not closed: counts that must be zero, and counts that must be equal. */
export function faultsOf(verdict: Verdict): string[] {
  const faults = (['lost', 'doubled', 'reordered', 'gaps', 'unexpected'] as const)
    .filter((name) => verdict[name] !== 0)
    .map((name) => `${name}: ${verdict[name]}`);
  if (verdict.stored !== verdict.attempted) faults.push(`stored ${verdict.stored} of ${verdict.attempted}`);
  if (verdict.published !== verdict.dispatched)
    faults.push(`published ${verdict.published}, dispatched ${verdict.dispatched}`);
  return faults;
}

/** The sum of several independent ledgers. Undefined if there are none. */
export function sum(verdicts: readonly Verdict[]): Verdict | undefined {
  const [first, ...others] = verdicts;
  if (first === undefined) return undefined;
  const total = { ...first };
  for (const verdict of others)
    for (const name of Object.keys(total) as (keyof Verdict)[]) total[name] += verdict[name];
  return total;
}

/** Prints the ledger as a table, or as one line of JSON. Returns the exit code: 0 if the ledger is closed. */
export function print(verdict: Verdict, { json = false } = {}): number {
  const faults = faultsOf(verdict);
  const isClosed = faults.length === 0;
  if (json) console.log(JSON.stringify({ ...verdict, isClosed, faults }));
  else {
    for (const [name, count] of Object.entries(verdict)) console.log(`${name.padEnd(12)}${String(count).padStart(10)}`);
    console.log(isClosed ? 'the ledger is closed' : `the ledger is NOT closed: ${faults.join('; ')}`);
  }
  return isClosed ? 0 : 1;
}
