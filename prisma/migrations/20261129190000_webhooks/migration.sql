-- Webhooks (ADR 0027). Workers write `webhooks`, the APIs `webhook_secrets`, relays the rest. The other tables name a webhook by
-- its number, so that nothing of a deleted webhook belongs to a later one with the same id. Relays delete what is left of it.
CREATE TABLE "webhooks" (
    "number" BIGINT GENERATED ALWAYS AS IDENTITY,
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "webhook_id" UUID NOT NULL,
    "url" TEXT NOT NULL,
    "event_types" TEXT[],
    "chat_ids" UUID[],
    "chat_kinds" TEXT[],
    "offline_only" BOOLEAN NOT NULL,
    "is_enabled" BOOLEAN NOT NULL,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "webhooks_pkey" PRIMARY KEY ("tenant_id", "webhook_id")
);
CREATE UNIQUE INDEX "webhooks_number_key" ON "webhooks" ("number");

-- The relays sign with every secret that has not expired.
CREATE TABLE "webhook_secrets" (
    "webhook" BIGINT NOT NULL,
    "secret" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    -- Null: the present one.
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_secrets_pkey" PRIMARY KEY ("webhook", "secret")
);

-- How an endpoint answers. No row: no delivery was tried yet.
CREATE TABLE "webhook_endpoints" (
    "webhook" BIGINT NOT NULL,
    "is_paused" BOOLEAN NOT NULL DEFAULT false,
    -- Failed attempts since the last answer 2xx, and the code of the last one.
    "failures" INTEGER NOT NULL DEFAULT 0,
    "code" TEXT,
    "failing_since" TIMESTAMPTZ(3),
    -- Nothing is sent before this time.
    "not_before" TIMESTAMPTZ(3),
    "succeeded_at" TIMESTAMPTZ(3),
    -- The revision of the webhook whose endpoint answered 410.
    "gone_revision" INTEGER,

    CONSTRAINT "webhook_endpoints_pkey" PRIMARY KEY ("webhook")
);

-- Events that wait for an endpoint, or are parked (`code` is set). They are named, not copied: an erased text must not survive here.
-- A lane is what is delivered in order: a chat, or an actor for events without a chat.
CREATE TABLE "webhook_deliveries" (
    "webhook" BIGINT NOT NULL,
    "partition" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,
    "lane" TEXT COLLATE "C" NOT NULL,
    "sequence" BIGINT,
    "code" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "parked_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_deliveries_pkey" PRIMARY KEY ("webhook", "partition", "position")
);
CREATE INDEX "webhook_deliveries_waiting_idx" ON "webhook_deliveries" ("webhook", "partition", "lane", "position") WHERE "code" IS NULL;
CREATE INDEX "webhook_deliveries_parked_idx" ON "webhook_deliveries" ("webhook", "partition", "position") WHERE "code" IS NOT NULL;

-- One row for each lane with waiting events: the attempts at its first event, and when the next one is due.
CREATE TABLE "webhook_lanes" (
    "webhook" BIGINT NOT NULL,
    "partition" INTEGER NOT NULL,
    "lane" TEXT COLLATE "C" NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "first_failed_at" TIMESTAMPTZ(3),
    "failed_at" TIMESTAMPTZ(3),
    "code" TEXT,

    CONSTRAINT "webhook_lanes_pkey" PRIMARY KEY ("webhook", "partition", "lane")
);
CREATE INDEX "webhook_lanes_due_idx" ON "webhook_lanes" ("webhook", "next_at");

-- A webhook with too many waiting events of a partition: those after the position are in the log alone, and are taken later.
CREATE TABLE "webhook_backlogs" (
    "webhook" BIGINT NOT NULL,
    "partition" INTEGER NOT NULL,
    "after_position" BIGINT NOT NULL,

    CONSTRAINT "webhook_backlogs_pkey" PRIMARY KEY ("webhook", "partition")
);

-- Users with a live connection, for `offlineOnly`. Gateways write it only while a webhook needs it. Losing it in a crash is harmless.
CREATE UNLOGGED TABLE "gateways" (
    "gateway_id" TEXT COLLATE "C" NOT NULL,
    "alive_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "gateways_pkey" PRIMARY KEY ("gateway_id")
);
CREATE UNLOGGED TABLE "connected_users" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "gateway_id" TEXT COLLATE "C" NOT NULL,

    CONSTRAINT "connected_users_pkey" PRIMARY KEY ("tenant_id", "user_id", "gateway_id")
);
CREATE INDEX "connected_users_gateway_idx" ON "connected_users" ("gateway_id");
