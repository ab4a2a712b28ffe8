import { commandData } from '../../../contract/messages/commands.js';
import { addMembers } from '../../../domain/chat.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import { noRoomForUsers, noRoomInChat } from '../chat-limits.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, refused } from '../outcome.js';

/**
 * Adds the users who are not in the chat yet: all of them or none. Existing members keep their role. A user who left
 * while muted stays muted.
 */
export const addMember: CommandHandler<'member.add'> = {
  type: 'member.add',
  schema: commandData['member.add'],
  snapshotKeys({ tenantId, chatId, data }, keys) {
    for (const userId of data.userIds) {
      keys.members.add({ chatId, userId });
      keys.formerMutes.add({ tenantId, chatId, userId });
      keys.userChats.add({ tenantId, userId });
    }
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
        violations: [{ path: 'type', message: 'member.add does not apply to a direct chat' }],
      });
    const role = command.data.role ?? 'member';
    const { decisionId, refusal } = policy.enforce({
      ...attributesInChat('member.add', command, context, found),
      grantedRole: role,
    });
    if (refusal !== null) return refused(refusal, decisionId);
    if (chat.archivedAt !== null) return refused(CHAT_ARCHIVED, decisionId);

    const newcomers = [...new Set(command.data.userIds)].filter(
      (userId) => state.member(chat.chatId, userId) === undefined,
    );
    if (newcomers.length === 0) return accepted(decisionId, null);
    const full = noRoomInChat(chat.memberCount + newcomers.length, context) ?? noRoomForUsers(chat, newcomers, context);
    if (full !== null) return refused(full, decisionId);
    const formerMutes = state.formerMutes(chat.chatId, newcomers);
    const { chat: changed, members } = addMembers(chat, newcomers, role, state.now, formerMutes);
    state.putChat(changed);
    for (const member of members) state.addMember(changed, member);
    const added = members.map(({ userId, mutedUntil }) => ({
      ...{ userId, role },
      ...(mutedUntil === null ? {} : { mutedUntil: mutedUntil.toISOString() }),
    }));
    state.appendEvent(cause, { type: 'member.added', members: added }, changed);
    return accepted(decisionId, changed.lastSequence);
  },
};
