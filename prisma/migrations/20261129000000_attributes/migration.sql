-- What a policy asks about is called an attribute everywhere.
ALTER TABLE decisions RENAME COLUMN facts TO attributes;
ALTER TABLE decisions RENAME COLUMN facts_digest TO attributes_digest;
