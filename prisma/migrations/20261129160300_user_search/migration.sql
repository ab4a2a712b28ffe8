-- As `nameKey` of the domain. Lower case by ICU where PostgreSQL has it: in the locale C, lower() changes ASCII letters only.
DO $$
DECLARE
    lowered text := 'lower(display_name)';
BEGIN
    IF EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu' AND collnamespace = 'pg_catalog'::regnamespace
        AND collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database()))) THEN
        lowered := 'lower(display_name COLLATE "und-x-icu")';
    END IF;
    EXECUTE format('UPDATE users SET name_key = replace(%s, ''ς'', ''σ'')', lowered);
END $$;

-- By kind, because the policy shows kinds: a search reads no user whom the caller may not see.
CREATE INDEX users_name_key_idx ON users (tenant_id, kind, name_key, user_id);
-- A user whose name is their id is found by the first index alone.
CREATE INDEX users_user_id_key_idx ON users (tenant_id, kind, lower(user_id), user_id) WHERE name_key <> lower(user_id);
