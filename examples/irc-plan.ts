/**
 * Makes commands from a log. They depend only on the name and the bytes of the file, so a second replay sends the same
 * commands with the same command ids.
 *
 * - The file is a group chat; `irc-bridge` creates it, owns it, and adds and removes members.
 * - A nick is a user: `user.upsert` once, with the nick as display name. Nicks that differ in case are different users.
 * - Each join is one `member.add`, each leave one `member.remove`; logs repeat some and omit others (logs record no
 *   quits), so some of these change nothing. A nick that speaks without a join is added first.
 * - A change of nick: the old user leaves, the new one joins.
 * - A text line or an action is one `message.send` by its nick. Its line, time and whether it was an action go into
 *   `metadata`.
 * - If the replies file says that a message answers others, its `inReplyTo` is the nearest earlier one: a message has
 *   one `inReplyTo`. The sender takes the id from the receipt of the answered message.
 * - A line that corrects (irc-gestures.ts) is also a `message.edit` of the nick's last message. Each fiftieth message
 *   is edited when its nick speaks next, so that every log has edits.
 * - A line that is one reaction word is also a `message.react` to the latest message of another nick.
 * - A nick that speaks has read the earlier lines: a `chat.read` up to the eighth message before, if the read mark is
 *   not there yet. (Up to the last message, each line would have to wait for the receipt of the line before.)
 */
import { createHash } from 'node:crypto';
import { type Command, type CommandOf, DEFAULT_TENANT } from '@parley-chat/client/contract';
import { v5 } from 'uuid';
import { corrected, reactionIn } from './irc-gestures.js';
import type { IrcLine } from './irc-log.js';

export const BRIDGE_USER_ID = 'irc-bridge';
/**
 * Chat ids are UUIDs of version 8 (RFC 9562, section 5.8) made from the file's name in this namespace: version 5 is for
 * direct chats.
 */
export const IRC_CHAT_NAMESPACE = '0f5b1c0e-6a3e-5d0b-9a3c-6f6a1f1d7c42';

/** Placeholder in a planned command; the receipt of the referenced message has the real id. */
const MESSAGE_ID_TO_COME = '00000000-0000-0000-0000-000000000000';
const EDITED_EVERY_MESSAGES = 50;
const UNREAD_MESSAGES = 8;

const USER_ID_PREFIX = 'irc:';
/** A user id has at most 128 characters. */
const ESCAPED_NICK_MAX_CHARACTERS = 128 - USER_ID_PREFIX.length;

export interface PlannedCommand {
  command: Command;
  /** The source line; null for the chat itself. */
  line: number | null;
  /**
   * The line of the message that this command answers, edits, reacts to or marks as read. Its receipt is needed first.
   */
  refersTo: number | null;
}

/** A message with its present text. */
interface Said {
  line: number;
  userId: string;
  text: string;
  /** Its index in the commands of this chat. */
  place: number;
}

export interface IrcPlan {
  fileName: string;
  chatId: string;
  /** In their required order. */
  commands: PlannedCommand[];
  /** Nicks by user id. */
  users: Map<string, string>;
  /** Answers that could not be sent: to no message, to a later one, or a second one of the same message. */
  answersLeftOut: number;
}

/**
 * `irc:` and the nick, where every byte that is not a letter, a digit or one of `_ . -` becomes `+` and two hexadecimal
 * digits. `+` itself is escaped, so two nicks never have the same id. An id that is too long becomes a hash; no escaped
 * nick looks like a hash.
 */
export function userIdOf(nick: string): string {
  let escaped = '';
  for (const byte of Buffer.from(nick, 'utf8')) {
    const character = String.fromCharCode(byte);
    escaped += /[A-Za-z0-9_.-]/.test(character) ? character : `+${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  if (escaped.length <= ESCAPED_NICK_MAX_CHARACTERS) return USER_ID_PREFIX + escaped;
  return `${USER_ID_PREFIX}+sha256.${createHash('sha256').update(nick).digest('hex')}`;
}

export function chatIdOf(fileName: string): string {
  const id = v5(fileName, IRC_CHAT_NAMESPACE);
  return `${id.slice(0, 14)}8${id.slice(15)}`;
}

export function profileOf(userId: string, displayName: string): CommandOf<'user.upsert'> {
  // Command ids are unique per actor, and each actor has one profile.
  const commandId = 'irc:profile';
  return {
    type: 'user.upsert',
    commandId,
    tenantId: DEFAULT_TENANT,
    actorId: userId,
    chatId: null,
    data: { displayName },
  };
}

export function planReplay(
  fileName: string,
  lines: readonly IrcLine[],
  answered: ReadonlyMap<number, readonly number[]>,
): IrcPlan {
  const chatId = chatIdOf(fileName);
  const ofBridge = { tenantId: DEFAULT_TENANT, actorId: BRIDGE_USER_ID, chatId };
  const commands: PlannedCommand[] = [];
  const users = new Map<string, string>();
  const present = new Set<string>();
  const said: Said[] = [];
  const messageLines = new Set<number>();
  /** The place of each user's latest join, message or read mark: the read mark is at least there. */
  const readTo = new Map<string, number>();
  let answersLeftOut = 0;

  const plan = (line: number, command: Command) => commands.push({ command, line, refersTo: null });
  const userOf = (nick: string) => {
    const userId = userIdOf(nick);
    users.set(userId, nick);
    return userId;
  };
  const join = (line: number, userId: string) => {
    present.add(userId);
    readTo.set(userId, commands.length);
    plan(line, {
      ...ofBridge,
      type: 'member.add',
      commandId: `irc:${chatId}:${line}:join`,
      data: { userIds: [userId] },
    });
  };
  const leave = (line: number, userId: string) => {
    present.delete(userId);
    plan(line, { ...ofBridge, type: 'member.remove', commandId: `irc:${chatId}:${line}:leave`, data: { userId } });
  };

  const edit = (line: number, message: Said, body: string) => {
    message.text = body;
    commands.push({
      command: {
        ...{ type: 'message.edit', commandId: `irc:${chatId}:${line}:edit`, tenantId: DEFAULT_TENANT },
        ...{ actorId: message.userId, chatId, data: { messageId: MESSAGE_ID_TO_COME, body } },
      },
      ...{ line, refersTo: message.line },
    });
  };
  /** The commands of a line besides its message. They come first. */
  const gesture = (line: number, actorId: string, text: string) => {
    const about = { tenantId: DEFAULT_TENANT, actorId, chatId };
    const read = said.at(-UNREAD_MESSAGES);
    if (read !== undefined && read.place > (readTo.get(actorId) ?? 0)) {
      readTo.set(actorId, read.place);
      const commandId = `irc:${chatId}:${line}:read`;
      commands.push({
        ...{ command: { ...about, type: 'chat.read', commandId, data: { upTo: 0 } } },
        ...{ line, refersTo: read.line },
      });
    }
    const own = said.findLast(({ userId }) => userId === actorId);
    const better = own === undefined ? null : corrected(own.text, text);
    if (own !== undefined && better !== null) edit(line, own, better);
    else if (own !== undefined && (said.indexOf(own) + 1) % EDITED_EVERY_MESSAGES === 0)
      edit(line, own, `${own.text} …`);
    const emoji = reactionIn(text);
    const other = said.findLast(({ userId }) => userId !== actorId);
    if (emoji === null || other === undefined) return;
    const commandId = `irc:${chatId}:${line}:react`;
    commands.push({
      command: { ...about, type: 'message.react', commandId, data: { messageId: MESSAGE_ID_TO_COME, emoji } },
      ...{ line, refersTo: other.line },
    });
  };

  commands.push({
    command: {
      ...ofBridge,
      type: 'chat.create',
      commandId: `irc:${chatId}:create`,
      data: { kind: 'group', title: [...fileName].slice(0, 256).join(''), memberIds: [] },
    },
    line: null,
    refersTo: null,
  });
  for (const entry of lines) {
    const { line } = entry;
    switch (entry.kind) {
      case 'join':
        join(line, userOf(entry.nick));
        break;
      case 'leave':
        leave(line, userOf(entry.nick));
        break;
      case 'rename':
        leave(line, userOf(entry.from));
        join(line, userOf(entry.to));
        break;
      case 'text':
      case 'action': {
        const actorId = userOf(entry.nick);
        if (!present.has(actorId)) join(line, actorId);
        const earlier = (answered.get(line) ?? []).filter((other) => other < line && messageLines.has(other));
        const answers = earlier.length === 0 ? null : Math.max(...earlier);
        answersLeftOut += (answered.get(line)?.length ?? 0) - (answers === null ? 0 : 1);
        gesture(line, actorId, entry.text);
        messageLines.add(line);
        said.push({ line, userId: actorId, text: entry.text, place: commands.length });
        readTo.set(actorId, commands.length);
        const origin = { line, time: entry.time, action: entry.kind === 'action' };
        commands.push({
          command: {
            type: 'message.send',
            commandId: `irc:${chatId}:${line}:say`,
            tenantId: DEFAULT_TENANT,
            actorId,
            chatId,
            data: { body: entry.text, metadata: { irc: origin } },
          },
          line,
          refersTo: answers,
        });
        break;
      }
      case 'empty':
      case 'notice':
      case 'unreadable':
        break;
    }
  }
  return { fileName, chatId, commands, users, answersLeftOut };
}
