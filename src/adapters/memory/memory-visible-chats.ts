import type { ChatView, VisibleChats } from '../../application/ports/chat-queries.js';

export function isVisible(visible: VisibleChats, { chat, membership }: ChatView): boolean {
  if (typeof visible === 'string') return visible === 'all';
  const isArchived = chat.archivedAt !== null;
  return visible.some(
    ({ kind, archived, role }) => kind === chat.kind && archived === isArchived && role === membership.role,
  );
}
