-- Events of rejected commands are deleted after RECEIPT_RETENTION. `log_floor`: at or below this position the log of the partition may lack them;
-- above it the log is contiguous. `log_pruned`: how many are deleted, so that `parley verify` can tell if anything else is missing.
ALTER TABLE "partitions" ADD COLUMN "log_floor" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "log_pruned" BIGINT NOT NULL DEFAULT 0;

-- An event of an accepted command costs this index nothing.
CREATE INDEX "chat_events_rejected_idx" ON "chat_events" ("partition", "at") WHERE "type" = 'command.rejected';

-- Deletes up to `at_most` events of rejected commands of one partition that are older than `before`, and raises the floor in the same statement.
-- SECURITY DEFINER: the worker's role may delete these rows and no other row of the log, and only together with the floor.
-- The partition's row is locked after the deletion, so that a batch waits for no more than the commit.
CREATE FUNCTION prune_rejected_commands(of_partition integer, before timestamptz, at_most integer)
RETURNS TABLE (pruned bigint, floor bigint) LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
  WITH cursors AS (
    -- Everything that follows the log by position, the publisher first. A log consumer with its own cursor is added here (UNION ALL).
    SELECT p.published_through AS position FROM partitions p WHERE p.partition = of_partition),
  old AS (
    -- The limit comes before the comparison with the cursors: what is read is bounded even while nothing is published.
    SELECT c.position FROM (
      SELECT e.position FROM chat_events e
      WHERE e.type = 'command.rejected' AND e.partition = of_partition AND e.at < before
      ORDER BY e.partition, e.at LIMIT at_most) c
    WHERE c.position <= (SELECT min(position) FROM cursors)),
  locked AS (
    -- Several workers may prune at once: each deletes rows that no other one has taken.
    SELECT e.position FROM chat_events e
    WHERE e.partition = of_partition AND e.position = ANY (ARRAY(SELECT position FROM old)) FOR UPDATE SKIP LOCKED),
  gone AS (
    DELETE FROM chat_events e
    WHERE e.partition = of_partition AND e.position = ANY (ARRAY(SELECT position FROM locked)) RETURNING e.position),
  told AS (
    SELECT count(*) AS pruned, max(position) AS highest FROM gone)
  UPDATE partitions p
  SET log_floor = greatest(p.log_floor, (SELECT highest FROM told)), log_pruned = p.log_pruned + (SELECT told.pruned FROM told)
  WHERE p.partition = of_partition AND (SELECT told.pruned FROM told) > 0
  RETURNING (SELECT told.pruned FROM told), p.log_floor
$$;

-- The caller's search path must not decide which tables are meant, nor a temporary table of the caller's.
DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION prune_rejected_commands(integer, timestamptz, integer) SET search_path = %I, pg_temp', current_schema());
END $$;

-- A function is everybody's to call unless that is taken away.
REVOKE ALL ON FUNCTION prune_rejected_commands(integer, timestamptz, integer) FROM PUBLIC;
