-- Names as a search for users compares them. The next migration fills it in, so that this one locks the table only for a moment.
ALTER TABLE users ADD COLUMN name_key TEXT COLLATE "C" NOT NULL DEFAULT '';
