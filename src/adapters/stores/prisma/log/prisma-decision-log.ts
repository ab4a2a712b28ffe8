import {
  type DecisionLog,
  type LoggedDecision,
  smallestIdAt,
} from '../../../../application/ports/store/decision-log.js';
import type { DecisionRecord } from '../../../../application/ports/store/decision-record.js';
import type { PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { insertDecisions, toDecision } from './decision-rows.js';

export class PrismaDecisionLog implements DecisionLog {
  constructor(private readonly database: PrismaClient) {}

  async record(decisions: readonly DecisionRecord[]): Promise<void> {
    // Raw: many rows in one statement, as in a batch.
    const insert = insertDecisions(decisions);
    if (insert !== null) await this.database.$executeRaw(insert).catch(rethrow);
  }

  async find(decisionId: string): Promise<LoggedDecision | null> {
    const found = await this.database.decision.findFirst({ where: { decisionId } }).catch(rethrow);
    return found === null ? null : toDecision(found);
  }

  async page(since: Date, after: string | null, limit: number): Promise<LoggedDecision[]> {
    const where = { decisionId: after === null ? { gte: smallestIdAt(since) } : { gt: after } };
    const page = this.database.decision.findMany({ where, orderBy: { decisionId: 'asc' }, take: limit });
    return (await page.catch(rethrow)).map(toDecision);
  }

  // Raw: a DELETE with a limit.
  /** By key: the oldest decisions come first. */
  async prune(before: Date, limit: number): Promise<number> {
    return this.database.$executeRaw`
      DELETE FROM decisions WHERE decision_id IN (
        SELECT decision_id FROM decisions WHERE decision_id < ${smallestIdAt(before)}::uuid ORDER BY decision_id LIMIT ${limit}::int8)`.catch(
      rethrow,
    );
  }

  async savePolicy(version: string, source: string): Promise<void> {
    // Raw: the server's clock sets the time. The typed client would set its own.
    await this.database.$executeRaw`
      INSERT INTO policies (version, source) VALUES (${version}, ${source}) ON CONFLICT DO NOTHING`.catch(rethrow);
  }

  async findPolicy(version: string): Promise<string | null> {
    const select = { source: true };
    const policy = await this.database.policy.findFirst({ where: { version }, select }).catch(rethrow);
    return policy?.source ?? null;
  }
}
