-- With which code a command was refused after all that the policy had permitted: by the state of its chat, or for a quota.
ALTER TABLE "decisions" ADD COLUMN "refused_as" TEXT;

-- Permits that were kept as part of the share, as far as the receipts still tell what came of them.
UPDATE "decisions" d SET "refused_as" = r."receipt"->'reason'->>'code'
FROM "receipts" r
WHERE d."effect" = 'permit' AND r."tenant_id" = d."tenant_id" AND r."actor_id" = d."actor_id" AND r."command_id" = d."command_id"
  AND r."receipt"->>'status' = 'rejected' AND r."receipt"->>'decisionId' = d."decision_id"::text;
