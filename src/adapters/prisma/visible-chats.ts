import type { ChatTraits, VisibleChats } from '../../application/ports/chat-queries.js';
import { column } from './columns.js';
import { Prisma } from './generated/client.js';

/**
 * A further condition on `chats c` and the caller's `members m`. One value however many traits there are, so that a statement has two texts at
 * most: with the condition and, where all chats are visible, without it. Whoever may see none is not asked about.
 */
export function andVisible(visible: Exclude<VisibleChats, 'none'>): Prisma.Sql {
  if (visible === 'all') return Prisma.empty;
  return Prisma.sql`AND ${TRAITS} = ANY (${column(visible, traitsOf)}::text[])`;
}

/** No kind and no role has a space in it. */
const TRAITS = Prisma.raw(`c.kind || CASE WHEN c.archived_at IS NULL THEN ' open ' ELSE ' archived ' END || m.role`);

function traitsOf({ kind, archived, role }: ChatTraits): string {
  return `${kind} ${archived ? 'archived' : 'open'} ${role}`;
}
