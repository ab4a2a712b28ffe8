-- What a transport shares between its processes is numbers by name: the store does not know what they mean.
CREATE TABLE "transport_numbers" (
    "name" TEXT NOT NULL,
    "value" BIGINT NOT NULL,

    CONSTRAINT "transport_numbers_pkey" PRIMARY KEY ("name")
);

INSERT INTO "transport_numbers" ("name", "value")
SELECT 'ring.generation', "ring_generation" FROM "store" WHERE "ring_generation" > 0
UNION ALL
SELECT 'ring.seen.' || "partition", "ring_seen" FROM "partitions" WHERE "ring_seen" > 0;

ALTER TABLE "store" DROP COLUMN "ring_generation";
ALTER TABLE "partitions" DROP COLUMN "ring_seen";

-- The transport by which chats were assigned to partitions is called by its name.
UPDATE "store" SET "placement" = 'amqp' WHERE "placement" = 'ring';
