-- The text of a message as it is indexed: what it costs grows with its length. PostgreSQL's text search parser tries several readings of a run of
-- characters without a space, and goes back to where it was after each, so that every token costs what is left of its run: 16,384 characters
-- of `a_` took 1.2 s, of `@0x` 7 s. A text of more than 256 bytes is therefore cut after each 64 characters without a space. The parser also
-- looks for the end of a comment (`<!--`) through the whole text, for each that begins: in such a text none begins.
--
-- An index is built on it: a function that gives another text needs another name. The planner puts its body in its place, so that a call costs
-- nothing. The port message-search.ts has the numbers for the store in memory.
CREATE FUNCTION indexed_text(body text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(body) <= 256 THEN body
        ELSE regexp_replace(replace(body, '<!--', '<! --'), '[^ \n\r\t]{64}', '\& ', 'g') END
$$;

-- With the dictionary that was chosen. Whoever has dropped the index keeps it dropped.
DO $$
DECLARE
    dictionary text;
BEGIN
    IF to_regclass('messages_search_idx') IS NULL THEN
        RETURN;
    END IF;
    SELECT search_dictionary INTO dictionary FROM store;
    DROP INDEX messages_search_idx;
    EXECUTE format(
        'CREATE INDEX messages_search_idx ON messages USING GIN (to_tsvector(%L::regconfig, indexed_text(body)),
            (ARRAY[''c:'' || chat_id::text, ''s:'' || sender_id,
                ''d:'' || ((created_at AT TIME ZONE ''UTC'')::date - DATE ''1970-01-01'')::text]))
        WHERE body IS NOT NULL', dictionary);
    -- As the first migration has it.
    ALTER INDEX messages_search_idx ALTER COLUMN 1 SET STATISTICS 0;
    ALTER INDEX messages_search_idx ALTER COLUMN 2 SET STATISTICS 0;
END $$;
