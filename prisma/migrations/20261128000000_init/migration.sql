-- What Parley stores (prisma/schema.prisma describes the columns). Identifiers that keys and pages go by are compared by code unit (COLLATE "C"),
-- whatever collation the database has.
CREATE TABLE "store" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "store_id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "namespace" TEXT,
    "partitions" INTEGER,
    "ring_generation" INTEGER NOT NULL DEFAULT 0,
    "placement" TEXT,
    "cursor_secret" TEXT NOT NULL DEFAULT ((gen_random_uuid())::text || (gen_random_uuid())::text),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "search_dictionary" TEXT NOT NULL DEFAULT 'simple',
    "imports" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "store_pkey" PRIMARY KEY ("singleton")
);

CREATE TABLE "workers" (
    "worker_id" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "heartbeat_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workers_pkey" PRIMARY KEY ("worker_id")
);

CREATE TABLE "partitions" (
    "partition" INTEGER NOT NULL,
    "epoch" BIGINT NOT NULL DEFAULT 0,
    "owner" TEXT,
    "position" BIGINT NOT NULL DEFAULT 0,
    "published_through" BIGINT NOT NULL DEFAULT 0,
    "ring_seen" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "partitions_pkey" PRIMARY KEY ("partition")
);

-- `claims`: what services say of the user; policy rules can use it.
CREATE TABLE "users" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "display_name" TEXT NOT NULL,
    "avatar_url" TEXT,
    "kind" TEXT NOT NULL,
    "metadata" JSON NOT NULL,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "claims" JSON NOT NULL DEFAULT '{}',

    CONSTRAINT "users_pkey" PRIMARY KEY ("tenant_id","user_id")
);

CREATE TABLE "chats" (
    "chat_id" UUID NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "partition" INTEGER,
    "kind" TEXT NOT NULL,
    "title" TEXT,
    "metadata" JSON NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "archived_at" TIMESTAMPTZ(3),
    "last_sequence" BIGINT NOT NULL,
    "last_ordinal" BIGINT NOT NULL,
    "member_count" INTEGER NOT NULL,
    "owner_count" INTEGER NOT NULL,
    "last_activity_at" TIMESTAMPTZ(3) NOT NULL,
    "history_visibility" TEXT NOT NULL DEFAULT 'full',
    "history_sequence" BIGINT NOT NULL DEFAULT 0,
    "last_position" BIGINT NOT NULL DEFAULT 0,
    "import_number" INTEGER,
    "archive_sequence" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "chats_pkey" PRIMARY KEY ("chat_id")
);

CREATE TABLE "members" (
    "chat_id" UUID NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "role" TEXT NOT NULL,
    "muted_until" TIMESTAMPTZ(3),
    "joined_at" TIMESTAMPTZ(3) NOT NULL,
    "joined_sequence" BIGINT NOT NULL,
    "read_sequence" BIGINT NOT NULL,
    "read_ordinal" BIGINT NOT NULL,
    "read_position" BIGINT NOT NULL DEFAULT 0,
    "role_sequence" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "members_pkey" PRIMARY KEY ("chat_id","user_id")
);

CREATE TABLE "departures" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "chat_id" UUID NOT NULL,
    "partition" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,

    CONSTRAINT "departures_pkey" PRIMARY KEY ("tenant_id","user_id","chat_id")
);

CREATE TABLE "former_standings" (
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "chat_id" UUID NOT NULL,
    "standing" TEXT NOT NULL,
    "until" BIGINT NOT NULL,

    CONSTRAINT "former_standings_pkey" PRIMARY KEY ("tenant_id","user_id","chat_id","standing")
);

-- `content_type` is null where it is text/plain: 11 bytes less a message. A command id that is a UUID is stored in 16 bytes instead of 37.
CREATE TABLE "messages" (
    "chat_id" UUID NOT NULL,
    "sequence" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "ordinal" BIGINT NOT NULL,
    "sender_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "body" TEXT,
    "content_type" TEXT,
    "in_reply_to" UUID,
    "thread_root_id" UUID,
    "mentions" JSON,
    "attachments" JSON,
    "metadata" JSON,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "edited_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),
    "edited_by" TEXT,
    "command_uuid" UUID,
    "command_id" TEXT,

    CONSTRAINT "messages_pkey" PRIMARY KEY ("chat_id","sequence")
);

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

CREATE TABLE "reactions" (
    "message_id" UUID NOT NULL,
    "emoji" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reactions_pkey" PRIMARY KEY ("message_id","emoji","user_id")
);

CREATE TABLE "reaction_counts" (
    "message_id" UUID NOT NULL,
    "emoji" TEXT COLLATE "C" NOT NULL,
    "count" INTEGER NOT NULL,

    CONSTRAINT "reaction_counts_pkey" PRIMARY KEY ("message_id","emoji")
);

CREATE TABLE "threads" (
    "root_id" UUID NOT NULL,
    "replies" INTEGER NOT NULL,

    CONSTRAINT "threads_pkey" PRIMARY KEY ("root_id")
);

CREATE TABLE "chat_events" (
    "partition" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,
    "type" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "chat_id" UUID,
    "sequence" BIGINT,
    "actor_id" TEXT NOT NULL,
    "command_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "payload" JSON,
    "traceparent" TEXT,
    "tracestate" TEXT,

    CONSTRAINT "chat_events_pkey" PRIMARY KEY ("partition","position")
);

CREATE TABLE "receipts" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "actor_id" TEXT COLLATE "C" NOT NULL,
    "command_id" TEXT COLLATE "C" NOT NULL,
    "content_hash" BYTEA NOT NULL,
    "receipt" JSON NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "receipts_pkey" PRIMARY KEY ("tenant_id","actor_id","command_id")
);

-- Ids are UUIDv7: the key is in the order of time.
CREATE TABLE "decisions" (
    "decision_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "command_id" TEXT,
    "chat_id" UUID,
    "action" TEXT NOT NULL,
    "effect" TEXT NOT NULL,
    "rule" TEXT,
    "policy_version" TEXT NOT NULL,
    "facts" JSON NOT NULL,
    "facts_digest" BYTEA NOT NULL,
    "refused_as" TEXT,

    CONSTRAINT "decisions_pkey" PRIMARY KEY ("decision_id")
);

CREATE TABLE "policies" (
    "version" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "first_used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "policies_pkey" PRIMARY KEY ("version")
);

CREATE TABLE "poison_attempts" (
    "partition" INTEGER NOT NULL,
    "command_key" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "poison_attempts_pkey" PRIMARY KEY ("partition","command_key")
);

CREATE INDEX "members_tenant_id_user_id_chat_id_idx" ON "members"("tenant_id", "user_id", "chat_id");
CREATE UNIQUE INDEX "messages_message_id_key" ON "messages"("message_id");
CREATE INDEX "messages_created_at_idx" ON "messages" USING BRIN ("created_at");
-- Most messages are in no thread: they cost this index nothing.
CREATE INDEX "messages_chat_id_thread_root_id_sequence_idx" ON "messages"("chat_id", "thread_root_id", "sequence")
WHERE "thread_root_id" IS NOT NULL;
CREATE UNIQUE INDEX "chat_events_chat_id_sequence_key" ON "chat_events"("chat_id", "sequence");
CREATE INDEX "receipts_created_at_idx" ON "receipts" USING BRIN ("created_at");

-- Full text by the store's dictionary; `parley search-dictionary` rebuilds it for another one. A search names chats, days, perhaps a sender: their
-- terms narrow the words' postings while the index is read, and cost each message three entries beside those of its words.
CREATE INDEX "messages_search_idx" ON "messages" USING GIN (to_tsvector('simple'::regconfig, "body"),
  (ARRAY['c:' || "chat_id"::text, 's:' || "sender_id", 'd:' || (("created_at" AT TIME ZONE 'UTC')::date - DATE '1970-01-01')::text]))
WHERE "body" IS NOT NULL;
-- Without this, ANALYZE splits the texts of 30,000 messages into words each time. No search's plan depends on it (`npm run proof:explain`).
ALTER INDEX "messages_search_idx" ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX "messages_search_idx" ALTER COLUMN 2 SET STATISTICS 0;

-- Ends the statement that calls it where the condition does not hold, and undoes what that statement has written: a batch is one statement, which
-- commits by itself. `code`: the SQLSTATE that the caller gets.
CREATE FUNCTION abort_unless(holds boolean, code text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF holds THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'not as it was read' USING ERRCODE = code;
END $$;

-- Draws the store's id.
INSERT INTO "store" DEFAULT VALUES;
