import { expect } from 'chai';
import type { Receipt } from '../../../../src/contract/messages/receipts.js';
import { DeciderHarness, type Draft } from './decider-harness.js';
import { add, create, GROUP, NOWHERE, OTHER_GROUP, remove, send } from './drafts.js';

/** The fields of a receipt without the ids of command and chat. */
function told({ commandId: _, chatId: __, ...rest }: Receipt): object {
  return rest;
}

type Ask = (actorId: string, chatId: string, tenantId: string) => Draft;
const asks: Record<string, Ask> = {
  'message.send': (actorId, chatId, tenantId) => send(actorId, chatId, 'hello', {}, { tenantId }),
  'message.send in answer': (actorId, chatId, tenantId) =>
    send(actorId, chatId, 'yes', { inReplyTo: NOWHERE }, { tenantId }),
  'member.add': (actorId, chatId, tenantId) => add(actorId, chatId, ['eve'], 'owner', { tenantId }),
  'member.remove': (actorId, chatId, tenantId) => remove(actorId, chatId, 'alice', { tenantId }),
  'member.remove of oneself': (actorId, chatId, tenantId) => remove(actorId, chatId, actorId, { tenantId }),
};

describe('A chat that the actor is not in', () => {
  for (const [what, ask] of Object.entries(asks))
    it(`gets the same refusal as a chat that does not exist (${what})`, () => {
      const harness = new DeciderHarness();
      harness.given(
        create('alice', GROUP, ['bob', 'former']),
        remove('alice', GROUP, 'former'),
        create('alice', OTHER_GROUP, ['eve'], {}, { tenantId: 'acme' }),
      );
      harness.alterChat(GROUP, { archivedAt: harness.now });
      const receipts = [
        harness.answer(ask('eve', NOWHERE, 'default')),
        harness.answer(ask('eve', GROUP, 'default')),
        harness.answer(ask('former', GROUP, 'default')),
        // A chat of another tenant, whose member has the same user id.
        harness.answer(ask('eve', OTHER_GROUP, 'default')),
      ];
      for (const receipt of receipts) expect(told(receipt)).to.deep.equal(told(receipts[0] as Receipt));
      expect(receipts[0]).to.deep.include({ status: 'rejected', decisionId: null, sequence: null, messageId: null });
      expect(receipts[0]?.reason).to.deep.equal({
        code: 'not_found',
        title: 'Not found, or not visible to the actor',
        detail: 'no such chat, or the actor is not in it',
      });
      expect(harness.chat(OTHER_GROUP)).to.include({ lastSequence: 1, memberCount: 2 });
      expect(harness.chat(GROUP)).to.include({ lastSequence: 2, memberCount: 2 });
    });
});
