/** A small archive with a line of each kind, to be altered by tests. */
import { ARCHIVE_FORMAT, ARCHIVE_VERSION } from '../../../../src/contract/archive/lines.js';

export type Line = { kind: string; [field: string]: unknown };

export const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9e01';
export const FIRST_MESSAGE = '0199c1df-0d52-7c0e-8a11-5b0c4b7c2e01';
export const REMOVED_MESSAGE = '0199c1df-0d52-7c0e-8a11-5b0c4b7c2e02';
const AT = '2026-11-20T20:15:00.123Z';

const event = (sequence: number, type: string, payload?: object): Line => ({
  ...{ kind: 'event', chatId: CHAT, sequence, type, actorId: 'alice', commandId: `command-${sequence}`, at: AT },
  ...(payload === undefined ? {} : { payload }),
});

const member = (userId: string, role: string): Line => ({
  ...{ kind: 'member', chatId: CHAT, userId, role, mutedUntil: null, joinedAt: AT },
  ...{ joinedSequence: 1, readSequence: 5, readOrdinal: 2 },
});

export function anArchive(): Line[] {
  return [
    {
      ...{ kind: 'header', format: ARCHIVE_FORMAT, version: ARCHIVE_VERSION, tenantId: 'default' },
      ...{ storeId: '5f0c8f3e-0d52-4c0e-8a11-5b0c4b7c2e00', exportedAt: AT },
    },
    {
      ...{ kind: 'chat', chatId: CHAT, chatKind: 'group', title: 'A chat', metadata: { a: [1, { b: null }] } },
      ...{ historyVisibility: 'full', historySequence: 0, createdBy: 'alice', createdAt: AT, archivedAt: null },
      ...{ lastSequence: 6, lastActivityAt: AT },
    },
    {
      ...{ kind: 'user', userId: 'alice', displayName: 'Alice', avatarUrl: null, userKind: 'human', metadata: {} },
      ...{ revision: 1, createdAt: AT, updatedAt: AT },
    },
    event(1, 'chat.created', {
      ...{ kind: 'group', title: 'A chat', historyVisibility: 'full', metadata: { a: [1, { b: null }] } },
      members: [
        { userId: 'alice', role: 'owner' },
        { userId: 'bob', role: 'member' },
      ],
    }),
    event(2, 'message.created'),
    {
      ...{ kind: 'message', chatId: CHAT, sequence: 2, messageId: FIRST_MESSAGE, ordinal: 1, senderId: 'alice' },
      ...{ revision: 2, body: 'hello, all', contentType: 'text/plain', inReplyTo: null, threadRootId: null },
      ...{
        mentions: [],
        attachments: [],
        metadata: {},
        createdAt: AT,
        editedAt: AT,
        editedBy: 'alice',
        deletedAt: null,
      },
    },
    event(3, 'message.edited', { messageId: FIRST_MESSAGE, messageSequence: 2, revision: 2 }),
    event(4, 'message.reacted', { messageId: FIRST_MESSAGE, messageSequence: 2, emoji: '👍', userId: 'bob' }),
    event(5, 'message.created'),
    {
      ...{ kind: 'removed', chatId: CHAT, sequence: 5, messageId: REMOVED_MESSAGE, ordinal: 2, senderId: 'alice' },
      createdAt: AT,
    },
    event(6, 'message.deleted', { messageId: REMOVED_MESSAGE, messageSequence: 5, mode: 'hard' }),
    {
      ...{ kind: 'revision', chatId: CHAT, sequence: 2, revision: 1, body: 'hello', mentions: [], metadata: {} },
      ...{ actorId: 'alice', at: AT },
    },
    { kind: 'reaction', chatId: CHAT, sequence: 2, emoji: '👍', userId: 'bob', at: AT },
    member('alice', 'owner'),
    member('bob', 'member'),
    { kind: 'end', chatId: CHAT, lines: 13 },
  ];
}

export const textOf = (line: Line) => JSON.stringify(line);

export async function* bytesOf(lines: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const line of lines) yield typeof line === 'string' ? Buffer.from(line) : line;
}
