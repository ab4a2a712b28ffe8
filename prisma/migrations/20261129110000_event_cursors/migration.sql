-- Log consumers: everything that follows the event log besides the publisher.
-- One row per consumer and partition. Partition -1: imported chats; its position is the number of an import (`chats.import_number`).
CREATE TABLE "event_cursors" (
    "name" TEXT COLLATE "C" NOT NULL,
    "partition" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,
    "epoch" BIGINT NOT NULL DEFAULT 0,
    "owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),

    CONSTRAINT "event_cursors_pkey" PRIMARY KEY ("name","partition")
);

-- Live relays and the consumers that they run. They are not workers, so that no partition is assigned to them.
CREATE TABLE "relays" (
    "relay_id" TEXT COLLATE "C" NOT NULL,
    "consumers" TEXT[] NOT NULL,
    "alive_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "relays_pkey" PRIMARY KEY ("relay_id")
);

-- Events that a consumer refused. They are named, not copied: an erased text must not survive here.
-- `sequence`: within an imported chat (partition -1), else 0.
CREATE TABLE "parked_events" (
    "name" TEXT COLLATE "C" NOT NULL,
    "partition" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "code" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 1,
    "parked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "retry_requested" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "parked_events_pkey" PRIMARY KEY ("name","partition","position","sequence")
);

-- Who could see a chat at an event: the events that decide it, by sequence. An event about a message costs this index nothing.
CREATE INDEX "chat_events_audience_idx" ON "chat_events" ("chat_id", "sequence")
WHERE "type" IN ('chat.created', 'chat.updated', 'chat.archived', 'chat.unarchived', 'member.added', 'member.removed', 'member.updated');

-- Imported chats in the order in which their imports were completed.
CREATE INDEX "chats_import_number_idx" ON "chats" ("import_number") WHERE "import_number" IS NOT NULL;
