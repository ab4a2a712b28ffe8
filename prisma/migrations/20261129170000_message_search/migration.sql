-- The search index is a table of its own, which the indexer fills behind the event log (docs/adr/0023). A command no longer pays for its words,
-- and PostgreSQL's parser, whose cost a text can drive up, is not used any more: `words` are split in our code (src/domain/search).
--
-- `words`: the words of the text in their order, each followed by a space except the last; then, after a line break, further words without an
-- order. Null: the text of this revision is not indexed, or not any more. Such a mark is what an indexer finds that read the text before it was
-- deleted or replaced.
CREATE TABLE "message_search" (
    "message_id" UUID NOT NULL,
    -- Of the message. In a mark: the time of the mark.
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "revision" INTEGER NOT NULL,
    "chat_key" INTEGER NOT NULL,
    "sender_key" INTEGER NOT NULL,
    "words" TEXT,

    CONSTRAINT "message_search_pkey" PRIMARY KEY ("message_id")
);

-- The part of a chat's id that is in the index. Chats with the same key cost a search time, and no more.
CREATE FUNCTION chat_search_key(chat_id uuid) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('x' || right(chat_id::text, 8))::bit(32)::integer
$$;

-- The words of a message for the index. Its cost is that of a long text, so that no plan computes it for every message. In PL/pgSQL, because the
-- planner would put the body of an SQL function in its place and lose the cost. An index is built on it: a function that gives another result
-- needs another name.
CREATE FUNCTION search_document(words text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
BEGIN
    RETURN array_to_tsvector(string_to_array(translate(words, E'\n', ' '), ' '));
END $$;

-- A search names chats, days, perhaps a sender: their keys narrow the words' postings while the index is read.
CREATE INDEX "message_search_words_idx" ON "message_search" USING GIN (
    search_document("words"),
    (ARRAY["chat_key", "sender_key", ("created_at" AT TIME ZONE 'UTC')::date - DATE '1970-01-01']))
WHERE "words" IS NOT NULL;
-- Without this, ANALYZE splits the words of 30,000 messages each time. The plan of no search depends on it.
ALTER INDEX "message_search_words_idx" ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX "message_search_words_idx" ALTER COLUMN 2 SET STATISTICS 0;
CREATE INDEX "message_search_marks_idx" ON "message_search" ("created_at") WHERE "words" IS NULL;

DROP INDEX IF EXISTS "messages_search_idx";
DROP FUNCTION indexed_text(text);

-- A Snowball dictionary, for example `german_stem`, or `none`. It was the name of a text search configuration.
ALTER TABLE "store" ALTER COLUMN "search_dictionary" SET DEFAULT 'none';
UPDATE "store" SET "search_dictionary" = CASE
    WHEN EXISTS (SELECT FROM pg_ts_dict WHERE dictname = "search_dictionary" || '_stem') THEN "search_dictionary" || '_stem'
    ELSE 'none' END;
-- Whether the fleet keeps the search index (SEARCH).
ALTER TABLE "store" ADD COLUMN "search" BOOLEAN NOT NULL DEFAULT true;
