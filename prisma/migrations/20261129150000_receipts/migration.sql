-- Receipts in typed columns, in four tables that are filled in turn and emptied as a whole (ADR 0024).

-- The key of a receipt. The ids contain no space, so the hashed texts are unambiguous. The first four bytes depend on the actor only: the receipts
-- of an actor are one range of the key, and a batch finds those of a busy actor in one page of the index.
CREATE FUNCTION receipt_key(tenant text, actor text, command text) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT encode(substr(sha256(convert_to(tenant || ' ' || actor, 'UTF8')), 1, 4)
    || substr(sha256(convert_to(tenant || ' ' || actor || ' ' || command, 'UTF8')), 1, 12), 'hex')::uuid
$$;

ALTER TABLE "receipts" RENAME TO "receipts_before";

-- The order of the columns leaves no gaps. No column may be null in an accepted `message.send`: the bitmap of nulls would take 8 bytes.
CREATE TABLE "receipts" (
    "key" UUID NOT NULL,
    "content_hash" UUID NOT NULL,
    "chat_id" UUID,
    "message_id" UUID,
    "decision_id" UUID,
    "sequence" BIGINT,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "slot" SMALLINT NOT NULL,
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "actor_id" TEXT COLLATE "C" NOT NULL,
    "rest" TEXT NOT NULL
) PARTITION BY LIST ("slot");

CREATE TABLE "receipts_0" PARTITION OF "receipts" FOR VALUES IN (0);
CREATE TABLE "receipts_1" PARTITION OF "receipts" FOR VALUES IN (1);
CREATE TABLE "receipts_2" PARTITION OF "receipts" FOR VALUES IN (2);
CREATE TABLE "receipts_3" PARTITION OF "receipts" FOR VALUES IN (3);

-- Existing receipts belong to the first period. `rest` has the whole receipt if it is not an ordinary one: its fields replace those of the columns.
-- A text with an escaped character may be one that PostgreSQL cannot read (U+0000), so it is only copied.
INSERT INTO "receipts_0" ("key", "content_hash", "chat_id", "message_id", "decision_id", "sequence", "at", "slot", "tenant_id", "actor_id", "rest")
SELECT receipt_key(tenant_id, actor_id, command_id), encode(substr(content_hash, 1, 16), 'hex')::uuid,
  substring(r->>'chatId' FROM id)::uuid, substring(r->>'messageId' FROM id)::uuid, substring(r->>'decisionId' FROM id)::uuid,
  (r->>'sequence')::bigint, created_at, 0, tenant_id, actor_id,
  CASE WHEN r->>'type' = 'message.send' AND r->>'status' = 'accepted' AND r->>'replayed' = 'false' AND r->'reason' IS NULL
    AND (r->>'decisionId') ~ id AND r->>'at' = to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') THEN '' ELSE receipt::text END
FROM "receipts_before",
  LATERAL (SELECT CASE WHEN position('\u' IN receipt::text) = 0 THEN receipt ELSE '{}' END) AS readable(r),
  (VALUES ('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')) AS pattern(id);

DROP TABLE "receipts_before";

-- Each table has its own key. A key of all four would have to contain `slot`, and each entry of the index 8 bytes more.
ALTER TABLE "receipts_0" ADD CONSTRAINT "receipts_0_pkey" PRIMARY KEY ("key");
ALTER TABLE "receipts_1" ADD CONSTRAINT "receipts_1_pkey" PRIMARY KEY ("key");
ALTER TABLE "receipts_2" ADD CONSTRAINT "receipts_2_pkey" PRIMARY KEY ("key");
ALTER TABLE "receipts_3" ADD CONSTRAINT "receipts_3_pkey" PRIMARY KEY ("key");

-- The present period is in the row of every partition, which every batch locks and compares. So no batch writes into an earlier period once another
-- one may have read the present one. The table of a period is `receipts_<period mod 4>`.
ALTER TABLE "partitions" ADD COLUMN "receipt_period" INTEGER NOT NULL DEFAULT 0;

-- The present period, and those before it whose receipts are still stored. A period ends when the next one begins.
CREATE TABLE "receipt_periods" (
    "period" INTEGER NOT NULL,
    "began_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "receipt_periods_pkey" PRIMARY KEY ("period")
);

-- Empties the tables of the periods that ended at least `retention` ago. Returns the number of receipts, as PostgreSQL's statistics estimate it.
-- TRUNCATE waits for the statements that read the table, and those that come meanwhile wait for it: at most for `lock_timeout`.
-- SECURITY DEFINER: the worker's role may empty these tables and delete no other receipt.
CREATE FUNCTION drop_receipts(retention interval) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET lock_timeout = '100ms' AS $$
DECLARE
  old record;
  dropped bigint := 0;
BEGIN
  -- Several workers may do it at once. Only the one that holds the row empties the table: after that, the table may be in use again.
  FOR old IN
    SELECT o.period, ('receipts_' || o.period % 4)::regclass AS ring_table FROM receipt_periods o
    WHERE EXISTS (SELECT FROM receipt_periods n WHERE n.period = o.period + 1 AND n.began_at <= clock_timestamp() - retention)
      AND NOT EXISTS (SELECT FROM partitions p WHERE p.receipt_period % 4 = o.period % 4)
    ORDER BY o.period FOR UPDATE OF o SKIP LOCKED
  LOOP
    DELETE FROM receipt_periods WHERE period = old.period;
    dropped := dropped + pg_stat_get_live_tuples(old.ring_table);
    EXECUTE format('TRUNCATE %s', old.ring_table);
  END LOOP;
  RETURN dropped;
END $$;

-- Begins a new period if the present one has lasted for `length` and the next table is empty. Returns whether it did.
CREATE FUNCTION begin_receipt_period(length interval) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET lock_timeout = '200ms' AS $$
DECLARE
  present integer;
BEGIN
  SELECT max(receipt_period) INTO present FROM partitions;
  IF present IS NULL THEN
    RETURN false;
  END IF;
  -- In a new store: when the period began is not known.
  INSERT INTO receipt_periods (period, began_at) VALUES (present, clock_timestamp()) ON CONFLICT DO NOTHING;
  IF NOT EXISTS (SELECT FROM receipt_periods WHERE period = present AND began_at <= clock_timestamp() - length)
    OR EXISTS (SELECT FROM receipt_periods WHERE period <> present AND period % 4 = (present + 1) % 4) THEN
    RETURN false;
  END IF;
  -- In the order in which batches lock them. Batches that have read the present period and not yet written are decided again.
  PERFORM FROM partitions ORDER BY partition FOR NO KEY UPDATE;
  IF EXISTS (SELECT FROM partitions WHERE receipt_period > present) THEN
    -- Another worker was faster.
    RETURN false;
  END IF;
  UPDATE partitions SET receipt_period = present + 1;
  -- The time is taken under the locks: all receipts of the period before were committed earlier.
  INSERT INTO receipt_periods (period, began_at) VALUES (present + 1, clock_timestamp());
  RETURN true;
END $$;

-- The caller's search path must not decide which tables are meant, nor a temporary table of the caller's.
DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION drop_receipts(interval) SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION begin_receipt_period(interval) SET search_path = %I, pg_temp', current_schema());
END $$;

-- A function is everybody's to call unless that is taken away.
REVOKE ALL ON FUNCTION drop_receipts(interval), begin_receipt_period(interval) FROM PUBLIC;
