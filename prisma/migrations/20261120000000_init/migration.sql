-- Identifiers that keys and pages go by are compared by code unit (COLLATE "C"), whatever the database's own collation is.
-- CreateTable
CREATE TABLE "store" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "store_id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "namespace" TEXT,
    "partitions" INTEGER,
    "ring_generation" INTEGER NOT NULL DEFAULT 0,
    "placement" TEXT,
    "cursor_secret" TEXT NOT NULL DEFAULT ((gen_random_uuid())::text || (gen_random_uuid())::text),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "store_pkey" PRIMARY KEY ("singleton")
);

-- CreateTable
CREATE TABLE "workers" (
    "worker_id" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "heartbeat_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workers_pkey" PRIMARY KEY ("worker_id")
);

-- CreateTable
CREATE TABLE "partitions" (
    "partition" INTEGER NOT NULL,
    "epoch" BIGINT NOT NULL DEFAULT 0,
    "owner" TEXT,
    "position" BIGINT NOT NULL DEFAULT 0,
    "published_through" BIGINT NOT NULL DEFAULT 0,
    "ring_seen" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "partitions_pkey" PRIMARY KEY ("partition")
);

-- CreateTable
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

    CONSTRAINT "users_pkey" PRIMARY KEY ("tenant_id","user_id")
);

-- CreateTable
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

    CONSTRAINT "chats_pkey" PRIMARY KEY ("chat_id")
);

-- CreateTable
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

    CONSTRAINT "members_pkey" PRIMARY KEY ("chat_id","user_id")
);

-- CreateTable
CREATE TABLE "messages" (
    "chat_id" UUID NOT NULL,
    "sequence" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "ordinal" BIGINT NOT NULL,
    "sender_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "body" TEXT,
    "content_type" TEXT NOT NULL,
    "in_reply_to" UUID,
    "thread_root_id" UUID,
    "mentions" JSON,
    "attachments" JSON,
    "metadata" JSON,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "edited_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "messages_pkey" PRIMARY KEY ("chat_id","sequence")
);

-- CreateTable
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

-- CreateTable
CREATE TABLE "receipts" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "actor_id" TEXT COLLATE "C" NOT NULL,
    "command_id" TEXT COLLATE "C" NOT NULL,
    "content_hash" BYTEA NOT NULL,
    "receipt" JSON NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "receipts_pkey" PRIMARY KEY ("tenant_id","actor_id","command_id")
);

-- CreateTable
CREATE TABLE "poison_attempts" (
    "partition" INTEGER NOT NULL,
    "command_key" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "poison_attempts_pkey" PRIMARY KEY ("partition","command_key")
);

-- CreateIndex
CREATE INDEX "members_tenant_id_user_id_idx" ON "members"("tenant_id", "user_id");

-- CreateIndex
CREATE UNIQUE INDEX "messages_message_id_key" ON "messages"("message_id");

-- CreateIndex
CREATE UNIQUE INDEX "chat_events_chat_id_sequence_key" ON "chat_events"("chat_id", "sequence");

-- CreateIndex
CREATE INDEX "receipts_created_at_idx" ON "receipts" USING BRIN ("created_at");

-- The store's id is drawn here, at the first migration.
INSERT INTO "store" DEFAULT VALUES;
