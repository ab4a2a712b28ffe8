-- What ANALYZE gathers of the index over words means splitting the texts of 30,000 messages into words, each time: most of its work on `messages`, while
-- commands wait for the processor. No search's way depends on it (`npm run proof:explain`). What was gathered before stays as it is. Who has dropped the
-- index has nothing to change.
ALTER INDEX IF EXISTS "messages_search_idx" ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX IF EXISTS "messages_search_idx" ALTER COLUMN 2 SET STATISTICS 0;
