-- A user who leaves a chat while muted, and returns, is still muted.
ALTER TABLE departures ADD COLUMN muted_until TIMESTAMPTZ(3);
