/**
 * Invariants within each chat: one statement per rule, for all chats of a range. Each returns at most one row for each
 * chat and kind of fault. All must run in one snapshot.
 */
import { Prisma } from '../generated/client.js';

/** `of` restricts a table's rows, by `chat_id`, to the range. */
type Rule = (ids: Prisma.Sql) => Prisma.Sql;

const sequences: Rule = (ids) => Prisma.sql`
  WITH numbered AS (
    SELECT e.chat_id, e.sequence, dense_rank() OVER (PARTITION BY e.chat_id ORDER BY e.sequence) AS n
    FROM chat_events e WHERE e.chat_id = ANY (${ids}) AND e.sequence IS NOT NULL),
  counted AS (
    SELECT c.chat_id, c.last_sequence, count(x.sequence) AS events, coalesce(max(x.n), 0) AS numbers,
      count(DISTINCT x.sequence) FILTER (WHERE x.sequence <= c.last_sequence) AS within, coalesce(max(x.sequence), 0) AS highest,
      coalesce(min(x.n) FILTER (WHERE x.n <> x.sequence), max(x.n) + 1, 1) AS first_missing
    FROM chats c LEFT JOIN numbered x ON x.chat_id = c.chat_id WHERE c.chat_id = ANY (${ids}) GROUP BY c.chat_id)
  SELECT 'sequence-missing' AS kind, chat_id, format('%s of %s events are not there, the first is %s',
    last_sequence - within, last_sequence, first_missing) AS detail FROM counted WHERE within < last_sequence
  UNION ALL SELECT 'sequence-repeated', chat_id, format('%s numbers too many', events - numbers) FROM counted WHERE events > numbers
  UNION ALL SELECT 'sequence-beyond', chat_id, format('the log goes to %s, the chat to %s', highest, last_sequence)
    FROM counted WHERE highest > last_sequence`;

/** A message that was deleted hard leaves a stub. */
const messagesThere = (ids: Prisma.Sql) => Prisma.sql`
  SELECT chat_id, sequence, ordinal FROM messages WHERE chat_id = ANY (${ids})
  UNION ALL SELECT chat_id, sequence, ordinal FROM removed_messages WHERE chat_id = ANY (${ids})`;

const messagesAndEvents: Rule = (ids) => Prisma.sql`
  WITH there AS (SELECT chat_id, sequence, count(*) AS copies FROM (${messagesThere(ids)}) m GROUP BY chat_id, sequence),
  told AS (SELECT DISTINCT chat_id, sequence FROM chat_events WHERE chat_id = ANY (${ids}) AND type = 'message.created'),
  compared AS (
    SELECT chat_id, count(*) FILTER (WHERE e.sequence IS NULL) AS untold, min(t.sequence) FILTER (WHERE e.sequence IS NULL) AS first_untold,
      count(*) FILTER (WHERE t.sequence IS NULL) AS absent, min(e.sequence) FILTER (WHERE t.sequence IS NULL) AS first_absent,
      count(*) FILTER (WHERE t.copies > 1) AS doubled, min(t.sequence) FILTER (WHERE t.copies > 1) AS first_doubled
    FROM there t FULL JOIN told e USING (chat_id, sequence) GROUP BY chat_id)
  SELECT 'message-without-event' AS kind, chat_id, format('%s messages, the first is %s', untold, first_untold) AS detail
    FROM compared WHERE untold > 0
  UNION ALL SELECT 'event-without-message', chat_id, format('%s events message.created, the first is %s', absent, first_absent)
    FROM compared WHERE absent > 0
  UNION ALL SELECT 'message-doubled', chat_id, format('%s messages are there and removed, the first is %s', doubled, first_doubled)
    FROM compared WHERE doubled > 0`;

const ordinals: Rule = (ids) => Prisma.sql`
  WITH numbered AS (
    SELECT chat_id, sequence, ordinal, row_number() OVER (PARTITION BY chat_id ORDER BY sequence) AS n FROM (${messagesThere(ids)}) m),
  counted AS (
    SELECT c.chat_id, c.last_ordinal, count(x.n) AS messages, min(x.sequence) FILTER (WHERE x.n <> x.ordinal) AS first_wrong
    FROM chats c LEFT JOIN numbered x ON x.chat_id = c.chat_id WHERE c.chat_id = ANY (${ids}) GROUP BY c.chat_id)
  SELECT 'ordinal' AS kind, chat_id, CASE WHEN first_wrong IS NULL THEN format('the chat counts %s messages, there are %s', last_ordinal, messages)
    ELSE format('message %s has the wrong ordinal', first_wrong) END AS detail
  FROM counted WHERE last_ordinal <> messages OR first_wrong IS NOT NULL`;

const members: Rule = (ids) => Prisma.sql`
  WITH counted AS (
    SELECT c.chat_id, c.member_count, c.owner_count, count(m.user_id) AS members, count(*) FILTER (WHERE m.role = 'owner') AS owners,
      count(*) FILTER (WHERE m.read_sequence > c.last_sequence OR m.read_ordinal > c.last_ordinal OR m.joined_sequence > c.last_sequence
        OR m.delivered_sequence > c.last_sequence OR m.hidden_ordinal > c.last_ordinal) AS beyond
    FROM chats c LEFT JOIN members m ON m.chat_id = c.chat_id WHERE c.chat_id = ANY (${ids}) GROUP BY c.chat_id)
  SELECT 'member-count' AS kind, chat_id, format('the chat counts %s members, there are %s', member_count, members) AS detail
    FROM counted WHERE member_count <> members
  UNION ALL SELECT 'owner-count', chat_id, format('the chat counts %s owners, there are %s', owner_count, owners)
    FROM counted WHERE owner_count <> owners
  UNION ALL SELECT 'read-mark', chat_id, format('%s members have joined, read, received or hidden beyond the end of the chat', beyond)
    FROM counted WHERE beyond > 0`;

const reactions: Rule = (ids) => Prisma.sql`
  WITH given AS (
    SELECT g.chat_id, r.message_id, r.emoji, count(*) AS count FROM messages g JOIN reactions r ON r.message_id = g.message_id
    WHERE g.chat_id = ANY (${ids}) GROUP BY g.chat_id, r.message_id, r.emoji),
  kept AS (
    SELECT g.chat_id, n.message_id, n.emoji, n.count FROM messages g JOIN reaction_counts n ON n.message_id = g.message_id
    WHERE g.chat_id = ANY (${ids}))
  SELECT 'reaction-count' AS kind, chat_id, format('%s counts differ from the reactions, the first is of message %s',
    count(*), min(message_id::text)) AS detail
  FROM given r FULL JOIN kept n USING (chat_id, message_id, emoji)
  WHERE r.count IS DISTINCT FROM n.count GROUP BY chat_id`;

const threads: Rule = (ids) => Prisma.sql`
  WITH replies AS (
    SELECT chat_id, thread_root_id, count(*) AS replies FROM messages
    WHERE chat_id = ANY (${ids}) AND thread_root_id IS NOT NULL GROUP BY chat_id, thread_root_id)
  SELECT 'thread-replies' AS kind, g.chat_id, format('%s threads count other replies than there are, the first is %s',
    count(*), min(g.message_id::text)) AS detail
  FROM messages g LEFT JOIN threads t ON t.root_id = g.message_id
    LEFT JOIN replies r ON r.thread_root_id = g.message_id AND r.chat_id = g.chat_id
  WHERE g.chat_id = ANY (${ids}) AND coalesce(t.replies, 0) <> coalesce(r.replies, 0) GROUP BY g.chat_id`;

const texts: Rule = (ids) => Prisma.sql`
  SELECT 'revision' AS kind, g.chat_id, format('%s earlier texts that cannot be, the first is of message %s',
    count(*), min(g.message_id::text)) AS detail
  FROM messages g JOIN message_revisions v ON v.message_id = g.message_id
  WHERE g.chat_id = ANY (${ids}) AND g.deleted_at IS NULL AND v.revision >= g.revision GROUP BY g.chat_id
  UNION ALL SELECT 'deleted-text', g.chat_id, format('%s deleted messages still have a text, or a text is gone without a deletion; the first is %s',
    count(*), min(g.message_id::text))
  FROM messages g
  WHERE g.chat_id = ANY (${ids}) AND ((g.body IS NULL) <> (g.deleted_at IS NOT NULL)
    OR g.deleted_at IS NOT NULL AND EXISTS (SELECT FROM message_revisions v WHERE v.message_id = g.message_id)) GROUP BY g.chat_id`;

/**
 * The positions that syncing uses. The position of a chat with a new partition may be after its latest event, but never
 * before it.
 */
const positions: Rule = (ids) => Prisma.sql`
  SELECT 'last-position' AS kind, c.chat_id, format('the chat points to %s, its latest event is at %s', c.last_position, e.position) AS detail
  FROM chats c JOIN chat_events e ON e.chat_id = c.chat_id AND e.sequence = c.last_sequence
  WHERE c.chat_id = ANY (${ids}) AND e.partition = c.partition AND c.last_position < e.position`;

/** Departures of users who left here and have not returned. An imported chat has no departures. */
const departures: Rule = (ids) => Prisma.sql`
  WITH latest AS (
    SELECT DISTINCT ON (e.chat_id, e.payload->>'userId') e.chat_id, e.tenant_id, e.payload->>'userId' AS user_id, e.partition, e.position
    FROM chat_events e WHERE e.chat_id = ANY (${ids}) AND e.type = 'member.removed' AND e.partition >= 0
    ORDER BY e.chat_id, e.payload->>'userId', e.sequence DESC)
  SELECT 'departure' AS kind, l.chat_id, format('%s users have left and that is not noted', count(*)) AS detail
  FROM latest l LEFT JOIN departures d ON d.tenant_id = l.tenant_id AND d.user_id = l.user_id AND d.chat_id = l.chat_id
  WHERE (d.user_id IS NULL OR d.partition <> l.partition OR d.position <> l.position)
    AND NOT EXISTS (SELECT FROM members m WHERE m.chat_id = l.chat_id AND m.user_id = l.user_id) GROUP BY l.chat_id`;

export const CHAT_RULES: readonly Rule[] = [
  ...[sequences, messagesAndEvents, ordinals, members, reactions, threads, texts, positions, departures],
];
