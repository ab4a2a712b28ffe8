-- The command that made a message stands with the message: a page of history no longer looks up an event for each. Null in rows of before, whose
-- events still say it: filling them in would rewrite the whole table.
ALTER TABLE "messages" ADD COLUMN "command_id" TEXT;
