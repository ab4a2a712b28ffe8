-- Whether others may see that the user is online: shared or hidden.
ALTER TABLE users ADD COLUMN presence TEXT NOT NULL DEFAULT 'shared';
