-- What has reached a member's devices. The read mark implies it, so an earlier member needs no value.
ALTER TABLE members ADD COLUMN delivered_sequence BIGINT NOT NULL DEFAULT 0;
