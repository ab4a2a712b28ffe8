-- What services say of a user for the policy to go by.
ALTER TABLE "users" ADD COLUMN "claims" JSON NOT NULL DEFAULT '{}';

-- What the policy decided: every refusal, and as many permits as are sampled. Ids are UUIDv7, so that the key is in the order of time too.
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

    CONSTRAINT "decisions_pkey" PRIMARY KEY ("decision_id")
);

-- The policies that decided, so that a decision can be explained after its policy has been replaced.
CREATE TABLE "policies" (
    "version" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "first_used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "policies_pkey" PRIMARY KEY ("version")
);
