-- Readers of the live feed: the processes that push events to connected users. Workers publish copies only while one is alive.
CREATE TABLE "live_readers" (
    "reader_id" TEXT COLLATE "C" NOT NULL,
    "heartbeat_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "live_readers_pkey" PRIMARY KEY ("reader_id")
);
