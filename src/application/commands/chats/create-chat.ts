import { commandData } from '../../../contract/messages/commands.js';
import { createChat as draftChat } from '../../../domain/chat.js';
import { noRoomForUsers, noRoomInChat } from '../chat-limits.js';
import type { CommandHandler } from '../command-handler.js';
import { accepted, attributesAbout, refused } from '../outcome.js';
import { storedMetadata } from '../stored-metadata.js';

/**
 * Creates a chat. An existing direct chat is accepted and does not change. For other kinds, an existing id is a
 * conflict.
 */
export const createChat: CommandHandler<'chat.create'> = {
  type: 'chat.create',
  schema: commandData['chat.create'],
  snapshotKeys({ tenantId, actorId, data }, keys) {
    for (const userId of [actorId, ...data.memberIds]) keys.userChats.add({ tenantId, userId });
  },
  handle(command, context) {
    const { state, policy, partition, cause } = context;
    const { chatId, tenantId, actorId, data } = command;
    const { decisionId, refusal } = policy.enforce({
      ...attributesAbout('chat.create', command, context),
      chat: { kind: data.kind, archived: false },
    });
    if (refusal !== null) return refused(refusal, decisionId);
    const taken = state.chat(chatId);
    if (taken !== undefined) {
      // The contract has checked that a direct chat has its computed id, so an existing direct chat with this id is the
      // requested one. A group with this id is not: any user may have created it.
      if (data.kind === 'direct' && taken.kind === 'direct' && taken.tenantId === tenantId)
        return accepted(decisionId, null);
      return refused({ code: 'conflict', detail: 'the chat id is taken' }, decisionId);
    }
    const { chat, members } = draftChat(
      {
        chatId,
        tenantId,
        partition,
        kind: data.kind,
        title: data.title ?? null,
        metadata: storedMetadata(data.metadata ?? {}),
        historyVisibility: data.historyVisibility ?? 'full',
        creatorId: actorId,
        memberIds: data.memberIds,
      },
      state.now,
    );
    const userIds = members.map(({ userId }) => userId);
    const full = noRoomInChat(userIds.length, context) ?? noRoomForUsers(chat, userIds, context);
    if (full !== null) return refused(full, decisionId);
    state.putChat(chat);
    for (const member of members) state.addMember(chat, member);
    const { kind, title, historyVisibility, metadata } = chat;
    state.appendEvent(
      cause,
      {
        type: 'chat.created',
        kind,
        title,
        historyVisibility,
        metadata,
        members: members.map(({ userId, role }) => ({ userId, role })),
      },
      chat,
    );
    return accepted(decisionId, chat.lastSequence);
  },
};
