import type { ChatTraits, VisibleChats } from '../../../../application/ports/queries/chat-queries.js';
import { membershipStateOf } from '../../../../domain/membership-state.js';
import { column } from '../columns.js';
import { Prisma } from '../generated/client.js';

/**
 * A further condition on `chats c` and the caller's `members m`. It has one parameter for any number of traits, so a
 * statement has at most two texts: with the condition, and without it if all chats are visible. For `none` no statement
 * runs.
 */
export function andVisible(visible: Exclude<VisibleChats, 'none'>): Prisma.Sql {
  if (visible === 'all') return Prisma.empty;
  return Prisma.sql`AND ${isAmong(visible, MEMBERSHIP_STATE)}`;
}

/** Whether a member of `chats c` with this membership state may see it. */
export function isAmong(visible: readonly ChatTraits[], state: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`c.kind || ' ' || ${state} = ANY (${column(visible, traitsOf)}::text[])`;
}

/** `MembershipState` of the domain, for `chats c` and `members m`. */
export const MEMBERSHIP_STATE = Prisma.raw(
  `CASE WHEN c.archived_at IS NULL THEN 'open ' ELSE 'archived ' END || m.role`,
);

function traitsOf({ kind, archived, role }: ChatTraits): string {
  return `${kind} ${membershipStateOf(archived, role)}`;
}
