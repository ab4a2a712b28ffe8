-- The last ordinal of the chat when the member hid it; the next message makes it visible again without a write to this row.
ALTER TABLE "members" ADD COLUMN "hidden_ordinal" BIGINT;

-- In how many chats a user is: `created` counts chats that the user created, `joined` groups and channels that others created.
-- A direct chat that the other user opened is not counted.
CREATE TABLE "user_chats" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "created" INTEGER NOT NULL,
    "joined" INTEGER NOT NULL,

    CONSTRAINT "user_chats_pkey" PRIMARY KEY ("tenant_id","user_id")
);

-- Members of a chat that is being imported have no tenant yet; they are counted when the import is complete.
INSERT INTO "user_chats" ("tenant_id", "user_id", "created", "joined")
SELECT m."tenant_id", m."user_id", count(*) FILTER (WHERE c."created_by" = m."user_id"),
    count(*) FILTER (WHERE c."created_by" <> m."user_id" AND c."kind" <> 'direct')
FROM "members" m JOIN "chats" c ON c."chat_id" = m."chat_id"
WHERE m."tenant_id" <> '' GROUP BY m."tenant_id", m."user_id";

-- A count that comes down to 0 is deleted from now on: a page reads as many rows as there are emoji.
DELETE FROM "reaction_counts" WHERE "count" <= 0;

-- By user first: how many emoji one user has reacted to a message with is counted in one stretch of the index.
ALTER TABLE "reactions" DROP CONSTRAINT "reactions_pkey", ADD CONSTRAINT "reactions_pkey" PRIMARY KEY ("message_id","user_id","emoji");
