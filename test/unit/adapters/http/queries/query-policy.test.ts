import { expect } from 'chai';
import { v7 } from 'uuid';
import { PolicyEnforcementPoint } from '../../../../../src/application/policy/enforcement.js';
import type { PolicyAttributes } from '../../../../../src/application/ports/policy-decision-point.js';
import type { Chat } from '../../../../../src/domain/chat.js';
import { NO_CLAIMS } from '../../../../support/policies/default-policy.js';
import { RestHarness } from '../rest-harness.js';

describe('REST queries about a chat that the policy hides from a member', () => {
  let rest: RestHarness;
  let denied: PolicyAttributes[];
  beforeEach(async () => {
    denied = [];
    const policy = new PolicyEnforcementPoint({
      ...NO_CLAIMS,
      decide(attributes) {
        if (attributes.role !== 'reader') return { effect: 'permit', rule: 'all-but-readers' };
        denied.push(attributes);
        return { effect: 'deny', rule: 'all-but-readers', detail: 'all-but-readers' };
      },
    });
    rest = await new RestHarness({ policy }).start();
  });

  afterEach(() => rest.stop());

  it('answer not_permitted with the rule to a member, and not_found to non-members', async () => {
    const chatId = await rest.group([]);
    const { messageId } = await rest.say(chatId, 'hello');
    await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['rita'], role: 'reader' });
    const ofMessage = ['', '/revisions', '/thread', '/readers'].map((path) => `/messages/${messageId}${path}`);
    for (const path of ['', '/members', '/messages', ...ofMessage, `/messages/${v7()}`, '/events']) {
      const { status, body } = await rest.get(`/v1/chats/${chatId}${path}`, { as: 'rita' });
      expect(status, path).to.equal(403);
      expect(body).to.include({ type: '/problems/not_permitted', detail: 'all-but-readers' });
      expect(body.decisionId).to.match(/^[0-9a-f-]{36}$/);
      expect((await rest.get(`/v1/chats/${chatId}${path}`, { as: 'mallory' })).status, path).to.equal(404);
    }
    expect(denied[0]).to.deep.equal({
      action: 'chat.view',
      actor: { tenantId: 'default', userId: 'rita', kind: 'human', claims: {}, token: {} },
      producer: null,
      chat: { kind: 'group', archived: false },
      role: 'reader',
      target: null,
      grantedRole: null,
      message: null,
      text: null,
      deleteMode: null,
      profile: null,
      user: null,
      decision: null,
    });
  });

  it('omit it from the list of chats, whose pages are still full', async () => {
    for (let i = 0; i < 3; i += 1) {
      const hidden = await rest.group([]);
      await rest.post(`/v1/chats/${hidden}/members`, { userIds: ['rita'], role: 'reader' });
    }
    const seen = await rest.group(['rita']);
    // Activity has a resolution of a millisecond: it must be older.
    (rest.world.chats.get(seen) as Chat).lastActivityAt = new Date(0);
    const listed = await rest.pages('/v1/chats?limit=2', 'rita');
    expect(listed.map((items) => items.map(({ chatId }) => chatId))).to.deep.equal([[seen]]);
  });

  it('omit its unread messages from the count', async () => {
    const hidden = await rest.group([]);
    await rest.post(`/v1/chats/${hidden}/members`, { userIds: ['rita'], role: 'reader' });
    const seen = await rest.group(['rita']);
    for (const chatId of [hidden, hidden, seen]) await rest.say(chatId, 'hello');
    expect((await rest.get('/v1/me/unread', { as: 'rita' })).body).to.deep.equal({ unreadCount: 1, chatCount: 1 });
  });
});
