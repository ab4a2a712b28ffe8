-- Tokens that are refused although they have not expired (ADR 0026). Processes follow the table by number: a writer holds
-- an advisory lock until it commits, so a later commit has a higher number.
CREATE SEQUENCE "token_revocation_numbers" AS BIGINT;

CREATE TABLE "token_revocations" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "user_id" TEXT COLLATE "C" NOT NULL,
    "issued_before" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3) NOT NULL,
    "number" BIGINT NOT NULL,

    CONSTRAINT "token_revocations_pkey" PRIMARY KEY ("tenant_id", "user_id")
);

CREATE UNIQUE INDEX "token_revocations_number_key" ON "token_revocations" ("number");
CREATE INDEX "token_revocations_issued_before_idx" ON "token_revocations" ("issued_before");
