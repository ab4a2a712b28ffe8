import { isDeepStrictEqual } from 'node:util';
import { commandData } from '../../../contract/messages/commands.js';
import { type ChatChange, updateChat as withChange } from '../../../domain/chat.js';
import { CHAT_ARCHIVED, CHAT_NOT_FOUND } from '../../../domain/refusal.js';
import type { CommandHandler } from '../command-handler.js';
import { findChat } from '../find-chat.js';
import { accepted, attributesInChat, refused } from '../outcome.js';
import { storedMetadata } from '../stored-metadata.js';

/**
 * Changes title, metadata or history visibility. Fields that are left out do not change. If all values are as before,
 * nothing changes.
 */
export const updateChat: CommandHandler<'chat.update'> = {
  type: 'chat.update',
  schema: commandData['chat.update'],
  handle(command, context) {
    const { state, policy, cause } = context;
    const found = findChat(command, context);
    if (found === undefined) return refused(CHAT_NOT_FOUND);
    const { chat } = found;
    const { decisionId, refusal } = policy.enforce(attributesInChat('chat.update', command, context, found));
    if (refusal !== null) return refused(refusal, decisionId);
    if (chat.archivedAt !== null) return refused(CHAT_ARCHIVED, decisionId);

    const { title, metadata, historyVisibility } = command.data;
    const change: ChatChange = {
      title,
      metadata: metadata === undefined ? undefined : storedMetadata(metadata ?? {}),
      historyVisibility,
    };
    const changed = withChange(chat, change);
    if (
      changed.title === chat.title &&
      changed.historyVisibility === chat.historyVisibility &&
      isDeepStrictEqual(changed.metadata, chat.metadata)
    )
      return accepted(decisionId, null);
    state.putChat(changed);
    state.appendEvent(
      cause,
      {
        type: 'chat.updated',
        kind: changed.kind,
        title: changed.title,
        historyVisibility: changed.historyVisibility,
        metadata: changed.metadata,
      },
      changed,
    );
    return accepted(decisionId, changed.lastSequence);
  },
};
