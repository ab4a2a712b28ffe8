import { type DecisionLog, type LoggedDecision, smallestIdAt } from '../../../application/ports/store/decision-log.js';
import type { DecisionRecord } from '../../../application/ports/store/decision-record.js';
import { canonicalDigest } from '../../../contract/messages/content-hash.js';
import { copy } from './copy.js';
import type { MemoryTables } from './memory-tables.js';

export class MemoryDecisionLog implements DecisionLog {
  constructor(private readonly tables: MemoryTables) {}

  async record(decisions: readonly DecisionRecord[]): Promise<void> {
    for (const decision of decisions) this.tables.decisions.set(decision.decisionId, copy(decision));
  }

  async find(decisionId: string): Promise<LoggedDecision | null> {
    const decision = this.tables.decisions.get(decisionId);
    return decision === undefined ? null : logged(decision);
  }

  async page(since: Date, after: string | null, limit: number): Promise<LoggedDecision[]> {
    const first = smallestIdAt(since);
    return this.inOrder()
      .filter(({ decisionId }) => (after === null ? decisionId >= first : decisionId > after))
      .slice(0, limit)
      .map(logged);
  }

  async prune(before: Date, limit: number): Promise<number> {
    const end = smallestIdAt(before);
    const old = this.inOrder()
      .filter(({ decisionId }) => decisionId < end)
      .slice(0, limit);
    for (const { decisionId } of old) this.tables.decisions.delete(decisionId);
    return old.length;
  }

  async savePolicy(version: string, source: string): Promise<void> {
    if (!this.tables.policies.has(version)) this.tables.policies.set(version, source);
  }

  async findPolicy(version: string): Promise<string | null> {
    return this.tables.policies.get(version) ?? null;
  }

  private inOrder(): DecisionRecord[] {
    return [...this.tables.decisions.values()].sort((a, b) => (a.decisionId < b.decisionId ? -1 : 1));
  }
}

function logged(decision: DecisionRecord): LoggedDecision {
  return { ...copy(decision), attributesDigest: Buffer.from(canonicalDigest(decision.attributes)).toString('hex') };
}
