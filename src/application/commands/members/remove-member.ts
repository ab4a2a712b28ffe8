import { commandData } from '../../../contract/messages/commands.js';
import { isNeededAsOwner, removeMember as withoutMember } from '../../../domain/chat.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, refused } from '../outcome.js';

/**
 * Removes a member, or lets the actor leave. If the user is not in the chat, nothing changes. In an archived chat, only
 * leaving is possible.
 */
export const removeMember: CommandHandler<'member.remove'> = {
  type: 'member.remove',
  schema: commandData['member.remove'],
  snapshotKeys({ chatId, data }, keys) {
    keys.members.add({ chatId, userId: data.userId });
  },
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined) return refused(CHAT_NOT_FOUND);
    const { chat, actor } = found;
    if (chat.kind === 'direct' && actor === null) return refused(CHAT_NOT_FOUND);
    if (chat.kind === 'direct')
      return refused({
        code: 'invalid',
        violations: [{ path: 'type', message: 'member.remove does not apply to a direct chat' }],
      });
    const { userId } = command.data;
    const target = state.member(chat.chatId, userId);
    const left = userId === command.actorId;
    const { decisionId, refusal } = policy.enforce({
      ...attributesInChat('member.remove', command, context, found),
      target: { isActor: left, role: target?.role ?? null },
    });
    if (refusal !== null) return refused(refusal, decisionId);
    if (chat.archivedAt !== null && !left) return refused(CHAT_ARCHIVED, decisionId);
    if (target === undefined) return accepted(decisionId, null);
    if (isNeededAsOwner(chat, target))
      return refused({ code: 'conflict', detail: 'the chat would lose its last owner' }, decisionId);

    const changed = withoutMember(chat, target);
    state.endMembershipState(changed.lastSequence, chat, target);
    state.putChat(changed);
    state.removeMember(chat, target);
    state.appendEvent(cause, { type: 'member.removed', userId, left }, changed);
    return accepted(decisionId, changed.lastSequence);
  },
};
