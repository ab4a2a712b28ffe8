import type { LoggedDecision } from '../../../../application/ports/store/decision-log.js';
import type { DecisionRecord } from '../../../../application/ports/store/decision-record.js';
import { canonicalDigest } from '../../../../contract/messages/content-hash.js';
import { column, hex, time } from '../columns.js';
import { Prisma } from '../generated/client.js';

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

export function toDecision(row: Prisma.DecisionModel): LoggedDecision {
  return {
    ...row,
    action: row.action as LoggedDecision['action'],
    effect: row.effect as LoggedDecision['effect'],
    attributes: row.attributes as unknown as LoggedDecision['attributes'],
    attributesDigest: Buffer.from(row.attributesDigest).toString('hex'),
    refusedAs: row.refusedAs as LoggedDecision['refusedAs'],
  };
}
