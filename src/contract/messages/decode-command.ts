/** Decodes a delivery into a command. Only this file turns external input into values that other code may trust. */

import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import {
  BODY_MAX_BYTES,
  BODY_MAX_DEPTH,
  type Command,
  type CommandData,
  commandBody,
  isChatless,
  isCommandType,
} from './commands.js';
import { contentHash, refusedContentHash } from './content-hash.js';
import type { IncomingCommand } from './delivery.js';
import { directChatId, isComputedId } from './direct-chat-id.js';
import { COMMAND_ID_PATTERN, DEFAULT_TENANT, TENANT_ID_PATTERN, USER_ID_PATTERN, UUID_PATTERN } from './identifiers.js';
import { isDeeperThan, outermostOf } from './json-text.js';
import { type Reason, refusal, type Violation } from './problems.js';
import { hasVisibleCharacter, INVISIBLE } from './text.js';
import { violationText } from './violation-text.js';

/**
 * A larger body is dead-lettered without looking for its actor. The broker configurations that we ship limit messages
 * to 512 KiB.
 */
export const READABLE_MAX_BYTES = 1024 * 1024;
/** Maximum number of items in any list of a command. */
export const LIST_MAX_ITEMS = 100;
/** Maximum number of violations listed in one refusal. */
export const VIOLATIONS_MAX = 20;

/** The identity of a command as far as it could be read. A refusal is answered and recorded with it. */
export interface CommandIdentity {
  type: string;
  commandId: string;
  tenantId: string;
  actorId: string;
  /** Null if absent or not in canonical form. */
  chatId: string | null;
}

export type Decoded =
  | { outcome: 'command'; command: Command; contentHash: string }
  | { outcome: 'refused'; identity: CommandIdentity; reason: Reason; contentHash: string }
  | { outcome: 'malformed'; detail: string };

/**
 * The identity of a command before its body is validated. A command that is rejected for another reason costs no more
 * than this.
 */
export type Identified =
  | { outcome: 'identified'; identity: CommandIdentity; decode(): Exclude<Decoded, { outcome: 'malformed' }> }
  | { outcome: 'malformed'; detail: string };

function malformed(detail: string): { outcome: 'malformed'; detail: string } {
  return { outcome: 'malformed', detail };
}

function violationsOf(error: z.ZodError): Violation[] {
  const violations: Violation[] = [];
  for (const issue of error.issues.slice(0, VIOLATIONS_MAX)) {
    const path = issue.path.map((step) => printable(String(step)));
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys.slice(0, VIOLATIONS_MAX))
        violations.push({ path: [...path, printable(key)].join('.'), message: 'is not a field of this command' });
    else violations.push({ path: path.join('.'), message: issue.message });
  }
  return violations.slice(0, VIOLATIONS_MAX);
}

/** Shortens and cleans an external name, so that it can be stored and returned. */
function printable(name: string): string {
  return name.slice(0, 64).toWellFormed().replaceAll('\u0000', '\ufffd');
}

/** `key` is the expected routing key. Null if the body does not determine it. */
function propertyViolations(incoming: IncomingCommand, key: string | null): Violation[] {
  const violations: Violation[] = [];
  if (key !== null && incoming.routingKey !== key)
    violations.push({ path: 'routingKey', message: 'must be the chat id (for a command about no chat: the actor id)' });
  if (!/^application\/json\s*(;\s*charset=utf-?8\s*)?$/i.test(incoming.contentType ?? ''))
    violations.push({ path: 'contentType', message: 'must be application/json' });
  if (incoming.contentEncoding !== undefined && !/^(utf-?8|identity)?$/i.test(incoming.contentEncoding))
    violations.push({ path: 'contentEncoding', message: 'must be absent' });
  if (incoming.priority !== undefined && incoming.priority !== 0)
    violations.push({
      path: 'priority',
      message: 'must be absent or 0, because other priorities change the order within a chat',
    });
  return violations;
}

/**
 * Schemas validate every item before they check the length, so a list of many thousand items would block the event
 * loop.
 */
function oversizedLists(data: unknown): Violation[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data)
    .filter(([, value]) => Array.isArray(value) && value.length > LIST_MAX_ITEMS)
    .slice(0, VIOLATIONS_MAX)
    .map(([key]) => ({ path: `data.${printable(key)}`, message: `must have at most ${LIST_MAX_ITEMS} items` }));
}

/** A message with attachments may have an empty text. Without attachments, an invisible text is a mistake. */
function bodyViolations({ body, attachments = [] }: CommandData['message.send']): Violation[] {
  return attachments.length > 0 || hasVisibleCharacter(body) ? [] : [{ path: 'data.body', message: INVISIBLE }];
}

/** Rules that a schema cannot express. */
function contentViolations(command: Command): Violation[] {
  if (command.type === 'message.send') return bodyViolations(command.data);
  if (command.type !== 'chat.create') return [];
  // If a group could have a computed id, its creator could block the direct chat of two other users, or draw them into
  // a group.
  if (command.data.kind !== 'direct')
    return isComputedId(command.chatId)
      ? [{ path: 'chatId', message: 'must not be a UUID of version 5, which is reserved for direct chats' }]
      : [];
  const [other, ...more] = command.data.memberIds;
  if (other === undefined || more.length > 0)
    return [{ path: 'data.memberIds', message: 'must name exactly one user for a direct chat' }];
  if (command.chatId !== directChatId(command.tenantId, command.actorId, other))
    return [{ path: 'chatId', message: 'must be the id computed from the tenant and the two users' }];
  return [];
}

/**
 * Decodes one delivery. Never throws. `malformed` (for the dead letters): the command's actor or id is missing, or the
 * body is not JSON. `refused`: the command can be answered but not accepted.
 */
export function decodeCommand(incoming: IncomingCommand): Decoded {
  const identified = identifyCommand(incoming);
  return identified.outcome === 'malformed' ? identified : identified.decode();
}

/** The first half of `decodeCommand`: finds `malformed` commands and leaves the rest to `decode`. */
export function identifyCommand(incoming: IncomingCommand): Identified {
  const { body } = incoming;
  if (body.byteLength > READABLE_MAX_BYTES) return malformed(`body of ${body.byteLength} bytes`);
  const { messageId, type } = incoming;
  if (messageId === undefined || !COMMAND_ID_PATTERN.test(messageId))
    return malformed('message_id is missing or not a command id');
  if (!isUtf8(body)) return malformed('body is not UTF-8');
  const json = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  const isTooLarge = body.byteLength > BODY_MAX_BYTES;
  const isTooDeep = isDeeperThan(BODY_MAX_DEPTH, json);
  const isTooMuch = isTooLarge || isTooDeep;
  let parsed: unknown;
  try {
    // Parsing a large body that is refused anyway would delay other commands.
    parsed = JSON.parse(isTooMuch ? outermostOf(json) : json);
  } catch {
    return malformed('body is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return malformed('body is not a JSON object');
  const given = parsed as Record<string, unknown>;
  const { actorId, chatId } = given;
  const tenantId = given.tenantId === undefined ? DEFAULT_TENANT : given.tenantId;
  if (typeof actorId !== 'string' || !USER_ID_PATTERN.test(actorId))
    return malformed('actorId is missing or not a user id');
  if (typeof tenantId !== 'string' || !TENANT_ID_PATTERN.test(tenantId))
    return malformed('tenantId is not a tenant id');

  const identity: CommandIdentity = {
    type: printable(type ?? ''),
    commandId: messageId,
    tenantId,
    actorId,
    chatId: typeof chatId === 'string' && UUID_PATTERN.test(chatId) ? chatId : null,
  };
  return {
    outcome: 'identified',
    identity,
    decode: () => decodeGiven(incoming, identity, { given, isTooLarge, isTooDeep }),
  };
}

interface Given {
  given: Record<string, unknown>;
  isTooLarge: boolean;
  isTooDeep: boolean;
}

function decodeGiven(
  incoming: IncomingCommand,
  identity: CommandIdentity,
  { given, isTooLarge, isTooDeep }: Given,
): Exclude<Decoded, { outcome: 'malformed' }> {
  const { body, type } = incoming;
  const { commandId, tenantId, actorId } = identity;
  const comparable = isTooLarge || isTooDeep ? null : { ...given, tenantId };
  const refuse = (reason: Reason) => ({
    outcome: 'refused' as const,
    identity,
    reason,
    contentHash: refusedContentHash(type ?? '', comparable, body),
  });
  const invalid = (violations: Violation[]) => refuse(refusal('invalid', undefined, violations));

  if (isTooLarge)
    return refuse(refusal('too_large', `the body has ${body.byteLength} bytes; at most ${BODY_MAX_BYTES} are allowed`));
  if (type === undefined) return invalid([{ path: 'type', message: 'is missing' }]);
  if (!isCommandType(type)) return refuse(refusal('unsupported_type', `unknown command type ${identity.type}`));
  if (isTooDeep) return invalid([{ path: '', message: `must nest at most ${BODY_MAX_DEPTH} levels deep` }]);

  const crowded = oversizedLists(given.data);
  if (crowded.length > 0) return invalid(crowded);
  const result = commandBody[type].safeParse(given, { error: violationText });
  const key = isChatless(type) ? actorId : identity.chatId;
  const violations = [...propertyViolations(incoming, key), ...(result.success ? [] : violationsOf(result.error))];
  if (!result.success || violations.length > 0) return invalid(violations);

  const command = {
    type,
    commandId,
    tenantId,
    actorId,
    chatId: isChatless(type) ? null : identity.chatId,
    data: result.data.data,
  } as Command;
  const further = contentViolations(command);
  if (further.length > 0) return invalid(further);
  return { outcome: 'command', command, contentHash: contentHash(type, { ...given, tenantId }) };
}
