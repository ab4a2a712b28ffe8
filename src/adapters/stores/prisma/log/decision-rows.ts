import type { LoggedDecision } from '../../../../application/ports/store/decision-log.js';
import type { DecisionRecord } from '../../../../application/ports/store/decision-record.js';
import { canonicalDigest } from '../../../../contract/messages/content-hash.js';
import { column, hex, time } from '../columns.js';
import { Prisma } from '../generated/client.js';
import { milliseconds } from '../rows.js';

/** Null if there is nothing to write. */
export function insertDecisions(rows: readonly DecisionRecord[]): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO decisions (decision_id, at, tenant_id, actor_id, command_id, chat_id, action, effect, rule, policy_version, attributes,
      attributes_digest, refused_as)
    SELECT decision_id, at, tenant_id, actor_id, command_id, chat_id, action, effect, rule, policy_version, attributes::json,
      decode(attributes_digest, 'hex'), refused_as
    FROM unnest(${column(rows, (row) => row.decisionId)}::uuid[], ${column(rows, (row) => time(row.at))}::timestamptz[],
      ${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.actorId)}::text[],
      ${column(rows, (row) => row.commandId)}::text[], ${column(rows, (row) => row.chatId)}::uuid[],
      ${column(rows, (row) => row.action)}::text[], ${column(rows, (row) => row.effect)}::text[],
      ${column(rows, (row) => row.rule)}::text[], ${column(rows, (row) => row.policyVersion)}::text[],
      ${column(rows, (row) => JSON.stringify(row.attributes))}::text[],
      ${column(rows, (row) => hex(canonicalDigest(row.attributes)))}::text[],
      ${column(rows, (row) => row.refusedAs)}::text[])
      AS w(decision_id, at, tenant_id, actor_id, command_id, chat_id, action, effect, rule, policy_version, attributes, attributes_digest,
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
  attributes: string;
  attributesDigest: string;
  refusedAs: string | null;
}

/** Columns of `decisions d`. */
export const DECISION_COLUMNS = Prisma.raw(`d.decision_id::text AS "decisionId", ${milliseconds('d.at', 'at')},
  d.tenant_id AS "tenantId", d.actor_id AS "actorId", d.command_id AS "commandId", d.chat_id::text AS "chatId", d.action, d.effect,
  d.rule, d.policy_version AS "policyVersion", d.attributes::text AS attributes, encode(d.attributes_digest, 'hex') AS "attributesDigest",
  d.refused_as AS "refusedAs"`);

export function toDecision(row: DecisionRow): LoggedDecision {
  return {
    ...row,
    at: new Date(row.at),
    action: row.action as LoggedDecision['action'],
    effect: row.effect as LoggedDecision['effect'],
    attributes: JSON.parse(row.attributes) as LoggedDecision['attributes'],
    refusedAs: row.refusedAs as LoggedDecision['refusedAs'],
  };
}
