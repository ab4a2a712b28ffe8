-- API keys of bots: bearer tokens that are stored as a hash. A revoked key is deleted.
CREATE TABLE "api_keys" (
    "key_id" UUID NOT NULL,
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "hash" BYTEA NOT NULL,
    "label" TEXT NOT NULL,
    "scopes" TEXT[] NOT NULL,
    "created_by" TEXT COLLATE "C" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("key_id")
);
CREATE INDEX "api_keys_user_idx" ON "api_keys" ("tenant_id", "user_id", "created_at");
