import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type CommandType, isChatless } from '../../../../src/contract/messages/commands.js';
import { type Decoded, decodeCommand } from '../../../../src/contract/messages/decode-command.js';
import type { IncomingCommand } from '../../../../src/contract/messages/delivery.js';
import type { Reason } from '../../../../src/contract/messages/problems.js';

export const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
export const WEBHOOK = '0199c1e0-1a2b-7c3d-8e4f-5a6b7c8d9e0f';
export const MESSAGE = '0199c1df-0d52-7c0e-8a11-5b0c4b7c2f31';

/** The least that each command needs. */
export const LEAST_DATA: Record<CommandType, Record<string, unknown>> = {
  'user.upsert': { displayName: 'Alice' },
  'chat.create': { kind: 'group', memberIds: ['bob'] },
  'chat.update': {},
  'chat.archive': {},
  'chat.unarchive': {},
  'chat.hide': {},
  'chat.unhide': {},
  'chat.read': { upTo: 1 },
  'chat.delivered': { upTo: 1 },
  'member.add': { userIds: ['carol'] },
  'member.remove': { userId: 'carol' },
  'member.update': { userId: 'carol' },
  'message.send': { body: 'hello' },
  'message.edit': { messageId: MESSAGE, body: 'hello again' },
  'message.delete': { messageId: MESSAGE, mode: 'soft' },
  'message.react': { messageId: MESSAGE, emoji: '👍' },
  'message.unreact': { messageId: MESSAGE, emoji: '👍' },
  'webhook.upsert': { webhookId: WEBHOOK, url: 'https://bot.example/hooks' },
  'webhook.delete': { webhookId: WEBHOOK },
};

/** A valid body of alice's, as an object to change. */
export function bodyOf(type: CommandType, data: Record<string, unknown> = {}): Record<string, unknown> {
  const about = { tenantId: 'default', actorId: 'alice', data: { ...LEAST_DATA[type], ...data } };
  return isChatless(type) ? about : { ...about, chatId: CHAT };
}

/** A delivery with good properties and this body: bytes and strings as they are, anything else as JSON. */
export function incoming(
  type: string,
  body: unknown = bodyOf(type as CommandType),
  properties: Partial<IncomingCommand> = {},
): IncomingCommand {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    body: bytes,
    routingKey: isChatless(type) ? 'alice' : CHAT,
    type,
    messageId: randomUUID(),
    contentType: 'application/json',
    headers: {},
    ...properties,
  };
}

export function decoded<O extends Decoded['outcome']>(
  command: IncomingCommand,
  outcome: O,
): Extract<Decoded, { outcome: O }> {
  const result = decodeCommand(command);
  expect(result, JSON.stringify(result).slice(0, 500)).to.have.property('outcome', outcome);
  return result as Extract<Decoded, { outcome: O }>;
}

/** Why a delivery is refused; fails if it is not. */
export function refusalOf(command: IncomingCommand): Reason {
  return decoded(command, 'refused').reason;
}

/** Where an invalid command breaks the contract: the violations' paths, in order. */
export function violationPaths(command: IncomingCommand): string[] {
  const reason = refusalOf(command);
  expect(reason.code).to.equal('invalid');
  return (reason.violations ?? []).map(({ path }) => path);
}
