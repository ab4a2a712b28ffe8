-- Permits that were kept as part of the share, as far as the receipts still tell what came of them. By itself, so that the table is not locked as a
-- whole while the rows are looked through.
UPDATE "decisions" d SET "refused_as" = r."receipt"->'reason'->>'code'
FROM "receipts" r
WHERE d."effect" = 'permit' AND r."tenant_id" = d."tenant_id" AND r."actor_id" = d."actor_id" AND r."command_id" = d."command_id"
  AND r."receipt"->>'status' = 'rejected' AND r."receipt"->>'decisionId' = d."decision_id"::text;
