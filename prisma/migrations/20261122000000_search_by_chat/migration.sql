-- A search is of some chats, some days, perhaps of one sender. In the words' own index they narrow it while the index is read: a word that is
-- everywhere is looked up where the caller is, and nowhere else. Costs each message three entries beside those of its words. The dictionary
-- is the store's.
DROP INDEX "messages_search_idx";
DO $$ BEGIN
  EXECUTE format($index$
    CREATE INDEX "messages_search_idx" ON "messages" USING GIN (to_tsvector(%L::regconfig, "body"),
      (ARRAY['c:' || "chat_id"::text, 's:' || "sender_id", 'd:' || (("created_at" AT TIME ZONE 'UTC')::date - DATE '1970-01-01')::text]))
    WHERE "body" IS NOT NULL$index$, (SELECT "search_dictionary" FROM "store"));
END $$;
