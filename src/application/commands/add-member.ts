import { addMembers } from '../../domain/chat.js';
import { CHAT_NOT_FOUND } from '../../domain/refusal.js';
import { findChat } from './find-chat.js';
import { accepted, factsAbout, refused, type UseCase } from './outcome.js';

/** Adds the users who are not in the chat yet; those who are keep their role. */
export const addMember: UseCase<'member.add'> = (command, context) => {
  const { state, policy, cause } = context;
  const found = findChat(state, command);
  if (found === undefined) return refused(CHAT_NOT_FOUND);
  const { chat, actor } = found;
  if (chat.kind === 'direct')
    return refused({
      code: 'invalid',
      violations: [{ path: 'type', message: 'member.add does not apply to a direct chat' }],
    });
  const role = command.data.role ?? 'member';
  const { decisionId, refusal } = policy.enforce({
    ...factsAbout('member.add', command, context),
    chat: { kind: chat.kind, archived: chat.archivedAt !== null },
    role: actor.role,
    grantedRole: role,
  });
  if (refusal !== null) return refused(refusal, decisionId);
  if (chat.archivedAt !== null) return refused({ code: 'archived', detail: 'the chat is archived' }, decisionId);

  const newcomers = [...new Set(command.data.userIds)].filter(
    (userId) => state.member(chat.chatId, userId) === undefined,
  );
  if (newcomers.length === 0) return accepted(decisionId, null);
  const { chat: changed, members } = addMembers(chat, newcomers, role, state.now);
  state.putChat(changed);
  for (const member of members) state.putMember(member);
  state.appendEvent(cause, { type: 'member.added', members: members.map(({ userId }) => ({ userId, role })) }, changed);
  return accepted(decisionId, changed.lastSequence);
};
