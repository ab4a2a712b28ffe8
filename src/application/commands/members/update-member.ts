import { commandData } from '../../../contract/messages/commands.js';
import { isLastOwner, updateMember as withChange } from '../../../domain/chat.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, refused } from '../outcome.js';

/** Changes a member's role, or mutes the member until a time. Fields that are left out do not change. */
export const updateMember: CommandHandler<'member.update'> = {
  type: 'member.update',
  schema: commandData['member.update'],
  snapshotKeys({ chatId, data }, keys) {
    keys.members.add({ chatId, userId: data.userId });
  },
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined) return refused(CHAT_NOT_FOUND);
    const { chat } = found;
    const { userId, role, mutedUntil } = command.data;
    const target = state.member(chat.chatId, userId);
    const { decisionId, refusal } = policy.enforce({
      ...attributesInChat('member.update', command, context, found),
      target: { isActor: userId === command.actorId, role: target?.role ?? null },
      grantedRole: role ?? null,
    });
    if (refusal !== null) return refused(refusal, decisionId);
    if (chat.kind === 'direct' && role !== undefined)
      return refused(
        {
          code: 'invalid',
          violations: [{ path: 'data.role', message: 'does not apply to a direct chat: its two members are equals' }],
        },
        decisionId,
      );
    if (target === undefined) return refused({ code: 'not_found', detail: 'no such member in this chat' }, decisionId);
    if (chat.archivedAt !== null) return refused(CHAT_ARCHIVED, decisionId);
    const change = {
      role: role ?? target.role,
      mutedUntil: mutedUntil === undefined ? target.mutedUntil : mutedUntil === null ? null : new Date(mutedUntil),
    };
    if (change.role === target.role && change.mutedUntil?.getTime() === target.mutedUntil?.getTime())
      return accepted(decisionId, null);
    if (change.role !== 'owner' && isLastOwner(chat, target))
      return refused({ code: 'conflict', detail: 'the chat would lose its last owner' }, decisionId);

    const { chat: changed, member } = withChange(chat, target, change);
    if (member.role !== target.role) state.endMembershipState(changed.lastSequence, chat, target);
    state.putChat(changed);
    state.putMember(member);
    state.appendEvent(
      cause,
      { type: 'member.updated', userId, role: member.role, mutedUntil: member.mutedUntil?.toISOString() ?? null },
      changed,
    );
    return accepted(decisionId, changed.lastSequence);
  },
};
