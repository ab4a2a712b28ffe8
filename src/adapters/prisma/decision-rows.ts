import type { DecisionRecord } from '../../application/policy/decision-record.js';
import type { LoggedDecision } from '../../application/ports/decision-log.js';
import { canonicalDigest } from '../../contract/content-hash.js';
import { column, hex, time } from './columns.js';
import { Prisma } from './generated/client.js';
import { milliseconds } from './rows.js';

/** Null where there is nothing to write. */
export function insertDecisions(rows: readonly DecisionRecord[]): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO decisions (decision_id, at, tenant_id, actor_id, command_id, chat_id, action, effect, rule, policy_version, facts,
      facts_digest, refused_as)
    SELECT decision_id, at, tenant_id, actor_id, command_id, chat_id, action, effect, rule, policy_version, facts::json,
      decode(facts_digest, 'hex'), refused_as
    FROM unnest(${column(rows, (row) => row.decisionId)}::uuid[], ${column(rows, (row) => time(row.at))}::timestamptz[],
      ${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.actorId)}::text[],
      ${column(rows, (row) => row.commandId)}::text[], ${column(rows, (row) => row.chatId)}::uuid[],
      ${column(rows, (row) => row.action)}::text[], ${column(rows, (row) => row.effect)}::text[],
      ${column(rows, (row) => row.rule)}::text[], ${column(rows, (row) => row.policyVersion)}::text[],
      ${column(rows, (row) => JSON.stringify(row.facts))}::text[],
      ${column(rows, (row) => hex(canonicalDigest(row.facts)))}::text[],
      ${column(rows, (row) => row.refusedAs)}::text[])
      AS w(decision_id, at, tenant_id, actor_id, command_id, chat_id, action, effect, rule, policy_version, facts, facts_digest,
        refused_as)`;
}

export interface DecisionRow {
  decisionId: string;
  at: number;
  tenantId: string;
  actorId: string;
  commandId: string | null;
  chatId: string | null;
  action: string;
  effect: string;
  rule: string | null;
  policyVersion: string;
  facts: string;
  factsDigest: string;
  refusedAs: string | null;
}

/** Of `decisions d`. */
export const DECISION_COLUMNS = Prisma.raw(`d.decision_id::text AS "decisionId", ${milliseconds('d.at', 'at')},
  d.tenant_id AS "tenantId", d.actor_id AS "actorId", d.command_id AS "commandId", d.chat_id::text AS "chatId", d.action, d.effect,
  d.rule, d.policy_version AS "policyVersion", d.facts::text AS facts, encode(d.facts_digest, 'hex') AS "factsDigest",
  d.refused_as AS "refusedAs"`);

export function toDecision(row: DecisionRow): LoggedDecision {
  return {
    ...row,
    at: new Date(row.at),
    action: row.action as LoggedDecision['action'],
    effect: row.effect as LoggedDecision['effect'],
    facts: JSON.parse(row.facts) as LoggedDecision['facts'],
    refusedAs: row.refusedAs as LoggedDecision['refusedAs'],
  };
}
