-- The whole conversation: edits, deletions, reactions, threads, read marks, syncing, search, imports.

-- AlterTable
ALTER TABLE "store" ADD COLUMN "search_dictionary" TEXT NOT NULL DEFAULT 'simple',
    ADD COLUMN "imports" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "chats" ADD COLUMN "history_visibility" TEXT NOT NULL DEFAULT 'full',
    ADD COLUMN "history_sequence" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "last_position" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "import_number" INTEGER;

-- A position of another partition's log, where the chat was before it was placed anew, says nothing.
UPDATE "chats" c SET "last_position" = e."position"
FROM "chat_events" e
WHERE e."chat_id" = c."chat_id" AND e."sequence" = c."last_sequence" AND e."partition" = c."partition";

-- AlterTable
ALTER TABLE "members" ADD COLUMN "read_position" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "messages" ADD COLUMN "edited_by" TEXT;

-- CreateTable
CREATE TABLE "message_revisions" (
    "message_id" UUID NOT NULL,
    "revision" INTEGER NOT NULL,
    "body" TEXT NOT NULL,
    "mentions" JSON,
    "metadata" JSON,
    "actor_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "message_revisions_pkey" PRIMARY KEY ("message_id","revision")
);

-- CreateTable
CREATE TABLE "removed_messages" (
    "chat_id" UUID NOT NULL,
    "sequence" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "ordinal" BIGINT NOT NULL,
    "sender_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "removed_messages_pkey" PRIMARY KEY ("chat_id","sequence")
);

-- CreateTable
CREATE TABLE "reactions" (
    "message_id" UUID NOT NULL,
    "emoji" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reactions_pkey" PRIMARY KEY ("message_id","emoji","user_id")
);

-- CreateTable
CREATE TABLE "reaction_counts" (
    "message_id" UUID NOT NULL,
    "emoji" TEXT COLLATE "C" NOT NULL,
    "count" INTEGER NOT NULL,

    CONSTRAINT "reaction_counts_pkey" PRIMARY KEY ("message_id","emoji")
);

-- CreateTable
CREATE TABLE "threads" (
    "root_id" UUID NOT NULL,
    "replies" INTEGER NOT NULL,

    CONSTRAINT "threads_pkey" PRIMARY KEY ("root_id")
);

INSERT INTO "threads" ("root_id", "replies")
SELECT "thread_root_id", count(*) FROM "messages" WHERE "thread_root_id" IS NOT NULL GROUP BY "thread_root_id";

-- CreateTable
CREATE TABLE "departures" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "chat_id" UUID NOT NULL,
    "partition" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,

    CONSTRAINT "departures_pkey" PRIMARY KEY ("tenant_id","user_id","chat_id")
);

INSERT INTO "departures" ("tenant_id", "user_id", "chat_id", "partition", "position")
SELECT DISTINCT ON (e."tenant_id", e."payload"->>'userId', e."chat_id")
  e."tenant_id", e."payload"->>'userId', e."chat_id", e."partition", e."position"
FROM "chat_events" e WHERE e."type" = 'member.removed'
ORDER BY e."tenant_id", e."payload"->>'userId', e."chat_id", e."sequence" DESC;

-- A user's chats are walked in the order of their ids.
-- DropIndex
DROP INDEX "members_tenant_id_user_id_idx";

-- CreateIndex
CREATE INDEX "members_tenant_id_user_id_chat_id_idx" ON "members"("tenant_id", "user_id", "chat_id");

-- Most messages are in no thread: they cost this index nothing.
-- CreateIndex
CREATE INDEX "messages_chat_id_thread_root_id_sequence_idx" ON "messages"("chat_id", "thread_root_id", "sequence")
WHERE "thread_root_id" IS NOT NULL;

-- CreateIndex
CREATE INDEX "messages_created_at_idx" ON "messages" USING BRIN ("created_at");

-- Full text by the store's dictionary; `parley search-dictionary` builds it anew for another one.
-- CreateIndex
CREATE INDEX "messages_search_idx" ON "messages" USING GIN (to_tsvector('simple'::regconfig, "body"))
WHERE "body" IS NOT NULL;
