-- A membership state (open or archived, and the role) has one name everywhere.
ALTER TABLE former_standings RENAME TO former_memberships;
ALTER TABLE former_memberships RENAME COLUMN standing TO state;
ALTER TABLE former_memberships RENAME CONSTRAINT former_standings_pkey TO former_memberships_pkey;
