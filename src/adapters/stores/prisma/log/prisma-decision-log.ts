import {
  type DecisionLog,
  type LoggedDecision,
  smallestIdAt,
} from '../../../../application/ports/store/decision-log.js';
import type { DecisionRecord } from '../../../../application/ports/store/decision-record.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { DECISION_COLUMNS, type DecisionRow, insertDecisions, toDecision } from './decision-rows.js';

export class PrismaDecisionLog implements DecisionLog {
  constructor(private readonly database: PrismaClient) {}

  async record(decisions: readonly DecisionRecord[]): Promise<void> {
    const insert = insertDecisions(decisions);
    if (insert !== null) await this.database.$executeRaw(insert).catch(rethrow);
  }

  async find(decisionId: string): Promise<LoggedDecision | null> {
    const [row] = await this.query(Prisma.sql`
      SELECT ${DECISION_COLUMNS} FROM decisions d WHERE d.decision_id = ${decisionId}::uuid`);
    return row === undefined ? null : toDecision(row);
  }

  async page(since: Date, after: string | null, limit: number): Promise<LoggedDecision[]> {
    const rows = await this.query(
      after === null
        ? Prisma.sql`SELECT ${DECISION_COLUMNS} FROM decisions d WHERE d.decision_id >= ${smallestIdAt(since)}::uuid
            ORDER BY d.decision_id LIMIT ${limit}::int8`
        : Prisma.sql`SELECT ${DECISION_COLUMNS} FROM decisions d WHERE d.decision_id > ${after}::uuid
            ORDER BY d.decision_id LIMIT ${limit}::int8`,
    );
    return rows.map(toDecision);
  }

  /** By key: the oldest decisions come first. */
  async prune(before: Date, limit: number): Promise<number> {
    return this.database.$executeRaw`
      DELETE FROM decisions WHERE decision_id IN (
        SELECT decision_id FROM decisions WHERE decision_id < ${smallestIdAt(before)}::uuid ORDER BY decision_id LIMIT ${limit}::int8)`.catch(
      rethrow,
    );
  }

  async savePolicy(version: string, source: string): Promise<void> {
    await this.database.$executeRaw`
      INSERT INTO policies (version, source) VALUES (${version}, ${source}) ON CONFLICT DO NOTHING`.catch(rethrow);
  }

  async findPolicy(version: string): Promise<string | null> {
    const [row] = await this.database.$queryRaw<{ source: string }[]>`
      SELECT source FROM policies WHERE version = ${version}`.catch(rethrow);
    return row?.source ?? null;
  }

  private query(statement: Prisma.Sql): Promise<DecisionRow[]> {
    return this.database.$queryRaw<DecisionRow[]>(statement).catch(rethrow);
  }
}
