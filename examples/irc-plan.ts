/**
 * From a log to commands. Everything follows from the file alone (its name and its bytes), so that replaying it again asks for the very
 * same things under the very same command ids.
 *
 * - The file is a group chat; `irc-bridge` creates it, owns it, and adds and removes members.
 * - A nick is a user: `user.upsert` once, with the nick as it is written for a display name. Nicks that differ in case are different users.
 * - Each join is one `member.add`, each leave one `member.remove`; logs repeat and omit them (nobody is seen to quit), so some of these change
 *   nothing. Who speaks without having joined is added first.
 * - A change of nick: the old user leaves, the new one joins.
 * - A text line or an action is one `message.send` by its nick. Its line, time and whether it was an action go into `metadata`.
 * - A message that answers others by the replies file is `inReplyTo` the nearest of them that is a message and stands before it: a message can
 *   be in reply to one only. The sender fills that in from the receipt of the answered one.
 */
import { createHash } from 'node:crypto';
import { type Command, type CommandOf, DEFAULT_TENANT } from 'parley/contract';
import { v5 } from 'uuid';
import type { IrcLine } from './irc-log.js';

export const BRIDGE_USER_ID = 'irc-bridge';
/** Chat ids are UUIDv5 of the file's name in this namespace. */
export const IRC_CHAT_NAMESPACE = '0f5b1c0e-6a3e-5d0b-9a3c-6f6a1f1d7c42';

const USER_ID_PREFIX = 'irc:';
/** A user id has at most 128 characters. */
const ESCAPED_NICK_MAX_CHARACTERS = 128 - USER_ID_PREFIX.length;

export interface PlannedCommand {
  command: Command;
  /** The line it comes from; null for the chat itself. */
  line: number | null;
  /** The line of the message that this one answers. */
  answers: number | null;
}

export interface IrcPlan {
  fileName: string;
  chatId: string;
  /** In the order in which they must take effect. */
  commands: PlannedCommand[];
  /** Nicks by user id. */
  users: Map<string, string>;
  /** Answers that could not be said: to no message, to a later one, or beyond the one that `inReplyTo` holds. */
  answersLeftOut: number;
}

/**
 * `irc:` and the nick, where every byte that is not a letter, a digit or one of `_ . -` becomes `+` and two hexadecimal digits. `+` itself is
 * escaped, so no two nicks give the same id. What would be too long becomes a hash, which no escaped nick can look like.
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
  return v5(fileName, IRC_CHAT_NAMESPACE);
}

export function profileOf(userId: string, displayName: string): CommandOf<'user.upsert'> {
  // Unique per actor is enough: one profile each.
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
  const messageLines = new Set<number>();
  let answersLeftOut = 0;

  const plan = (line: number, command: Command) => commands.push({ command, line, answers: null });
  const userOf = (nick: string) => {
    const userId = userIdOf(nick);
    users.set(userId, nick);
    return userId;
  };
  const join = (line: number, userId: string) => {
    present.add(userId);
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

  commands.push({
    command: {
      ...ofBridge,
      type: 'chat.create',
      commandId: `irc:${chatId}:create`,
      data: { kind: 'group', title: [...fileName].slice(0, 256).join(''), memberIds: [] },
    },
    line: null,
    answers: null,
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
        messageLines.add(line);
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
          answers,
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
