-- What syncing under a policy that hides chats goes by. Nothing is filled in: it is only ever asked about what came after a sync token was
-- given, and the tokens of earlier releases are not good any more.
ALTER TABLE "chats" ADD COLUMN "archive_sequence" BIGINT NOT NULL DEFAULT 0;
ALTER TABLE "members" ADD COLUMN "role_sequence" BIGINT NOT NULL DEFAULT 0;

-- How users once stood in chats, and the number of the event that ended it the last time.
CREATE TABLE "former_standings" (
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "chat_id" UUID NOT NULL,
    "standing" TEXT NOT NULL,
    "until" BIGINT NOT NULL,

    CONSTRAINT "former_standings_pkey" PRIMARY KEY ("tenant_id","user_id","chat_id","standing")
);
