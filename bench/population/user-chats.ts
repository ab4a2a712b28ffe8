/**
 * Sets the number of chats of each user. Workers maintain it with each change of members; loaded members need it too.
 */
export const COUNT_USER_CHATS = `
  INSERT INTO user_chats (tenant_id, user_id, created, joined)
  SELECT m.tenant_id, m.user_id, count(*) FILTER (WHERE c.created_by = m.user_id),
    count(*) FILTER (WHERE c.created_by <> m.user_id AND c.kind <> 'direct')
  FROM members m JOIN chats c USING (chat_id) GROUP BY m.tenant_id, m.user_id`;
