/** A short conversation with every command at least once. Each must be accepted. */
import { expect } from 'chai';
import { v4 } from 'uuid';
import { type CommandType, isChatless } from '../../../src/contract/messages/commands.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import type { CommandToSend } from './producer.js';

export interface Conversation {
  chatId: string;
  /** A message that is edited twice, gets reactions, and is then deleted softly. */
  talkedAbout: string;
  /** A message that is deleted hard. */
  gone: string;
  played: CommandType[];
}

/**
 * `ask` publishes a command and resolves with its receipt. `service`: a user of that kind, who manages a webhook;
 * without one, these commands are left out.
 */
export async function playConversation(
  ask: (command: CommandToSend) => Promise<Receipt>,
  service: string | null = null,
): Promise<Conversation> {
  const chatId = v4();
  const played: CommandType[] = [];
  const does = async (actorId: string, type: CommandType, data: object = {}): Promise<Receipt> => {
    const inChat = isChatless(type) ? {} : { chatId };
    const receipt = await ask({ type, commandId: `${chatId}-${played.length}`, actorId, data, ...inChat });
    expect(receipt.status, `${type}: ${JSON.stringify(receipt.reason)}`).to.equal('accepted');
    played.push(type);
    return receipt;
  };
  await does('alice', 'user.upsert', { displayName: `Alice of ${chatId}` });
  await does('alice', 'chat.create', { kind: 'group', memberIds: ['bob'], title: 'Tea' });
  await does('alice', 'member.add', { userIds: ['carol', 'dave'] });
  const talkedAbout = (await does('alice', 'message.send', { body: 'first text', mentions: ['bob'] })).messageId ?? '';
  const inThread = { inReplyTo: talkedAbout, threadRootId: talkedAbout };
  const gone = (await does('bob', 'message.send', { body: 'an answer', ...inThread })).messageId ?? '';
  await does('alice', 'message.edit', { messageId: talkedAbout, body: 'second text' });
  await does('alice', 'message.edit', { messageId: talkedAbout, body: 'third text', metadata: { a: 1 } });
  for (const userId of ['bob', 'carol'])
    await does(userId, 'message.react', { messageId: talkedAbout, emoji: '👩‍👩‍👧' });
  await does('bob', 'message.unreact', { messageId: talkedAbout, emoji: '👩‍👩‍👧' });
  await does('carol', 'message.react', { messageId: gone, emoji: ':tea:' });
  await does('carol', 'chat.read', { upTo: 3 });
  await does('carol', 'chat.delivered', { upTo: 8 });
  await does('carol', 'chat.hide');
  await does('carol', 'chat.unhide');
  await does('bob', 'message.delete', { messageId: gone, mode: 'hard' });
  await does('alice', 'message.delete', { messageId: talkedAbout, mode: 'soft' });
  await does('alice', 'member.update', { userId: 'bob', role: 'admin', mutedUntil: '2999-01-01T00:00:00Z' });
  await does('dave', 'member.remove', { userId: 'dave' });
  await does('bob', 'chat.update', { title: null, historyVisibility: 'since-joined' });
  await does('bob', 'chat.archive');
  await does('alice', 'chat.unarchive');
  if (service !== null) {
    const webhookId = v4();
    await does(service, 'webhook.upsert', { webhookId, url: 'https://bot.example/hooks', chatIds: [chatId] });
    await does(service, 'webhook.upsert', { webhookId, url: 'https://bot.example/hooks', isEnabled: false });
    await does(service, 'webhook.delete', { webhookId });
  }
  return { chatId, talkedAbout, gone, played };
}
