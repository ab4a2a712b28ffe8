import { expect } from 'chai';
import { v5, version } from 'uuid';
import { newChatId } from '../../../../../src/adapters/apis/http/handlers/new-chat-id.js';
import { directChatId } from '../../../../../src/contract/messages/direct-chat-id.js';

const SECRET = 'one store';
const GROUP = { kind: 'group', memberIds: ['bob'] };

const origin = (commandId: string, userId = 'alice', tenantId = 'default') => ({
  caller: { tenantId, userId },
  commandId,
});

describe('the id of a chat that is created over REST without an id', () => {
  it('is the same for a repeat, and differs for another key, caller or tenant', () => {
    const ids = [
      newChatId(SECRET, origin('k'), GROUP),
      newChatId(SECRET, origin('k2'), GROUP),
      newChatId(SECRET, origin('k', 'bob'), GROUP),
      newChatId(SECRET, origin('k', 'alice', 'acme'), GROUP),
      newChatId(SECRET, origin('k'), {}),
    ];
    expect(new Set(ids).size).to.equal(4);
    expect(ids[4]).to.equal(ids[0]);
    for (const id of ids) expect(version(id)).to.equal(8);
  });

  it('cannot be computed from the key without the secret of the store', () => {
    const id = newChatId(SECRET, origin('k'), GROUP);
    expect(newChatId('another store', origin('k'), GROUP)).to.not.equal(id);
    // The former, predictable form of the id.
    const computed = v5(JSON.stringify(['default', 'alice', 'k']), '8f1f5f0e-5d43-4b0f-9a1c-6a2f4f0c7f1e');
    expect(id.replace('-8', '-5')).to.not.equal(computed);
    expect(id.slice(0, 13)).to.not.equal(computed.slice(0, 13));
  });

  it('of a direct chat is the computed id', () => {
    const direct = newChatId(SECRET, origin('k'), { kind: 'direct', memberIds: ['bob'] });
    expect(direct).to.equal(directChatId('default', 'alice', 'bob'));
  });
});
