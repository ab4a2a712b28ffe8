/** SQL that makes a user of the default tenant a bot or a service, as a directory would. */
export function makesKind(userId: string, kind: 'service' | 'bot'): string {
  if (!/^[a-z0-9-]+$/.test(userId)) throw new Error(`${userId} is not a name for tests`);
  return `INSERT INTO users (tenant_id, user_id, display_name, name_key, kind, metadata, revision, created_at, updated_at)
    VALUES ('default', '${userId}', '${userId}', '${userId}', '${kind}', '{}', 1, now(), now())`;
}
