import type { ChatTraits, VisibleChats } from '../../../../application/ports/chat-queries.js';
import { membershipStateOf } from '../../../../domain/membership-state.js';
import { column } from '../columns.js';
import { Prisma } from '../generated/client.js';

/**
 * A further condition on `chats c` and the caller's `members m`. One value however many traits there are, so that a statement has two texts at
 * most: with the condition and, where all chats are visible, without it. Whoever may see none is not asked about.
 */
export function andVisible(visible: Exclude<VisibleChats, 'none'>): Prisma.Sql {
  if (visible === 'all') return Prisma.empty;
  return Prisma.sql`AND ${isAmong(visible, STANDING)}`;
}

/** That a member of `chats c` who stands in it like this may see it. */
export function isAmong(visible: readonly ChatTraits[], standing: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`c.kind || ' ' || ${standing} = ANY (${column(visible, traitsOf)}::text[])`;
}

/** As `Standing` of the domain says it, of `chats c` and `members m`. */
export const STANDING = Prisma.raw(`CASE WHEN c.archived_at IS NULL THEN 'open ' ELSE 'archived ' END || m.role`);

function traitsOf({ kind, archived, role }: ChatTraits): string {
  return `${kind} ${membershipStateOf(archived, role)}`;
}
