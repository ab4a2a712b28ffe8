import { expect } from 'chai';
import { CaslDecisionPoint } from '../../../src/adapters/policy/casl-decision-point.js';
import { MemoryDecisionLog } from '../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryTables } from '../../../src/adapters/stores/memory/memory-tables.js';
import { MemoryChatQueries } from '../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { ATTRIBUTES } from '../../../src/application/policy/attributes/attribute-catalogue.js';
import { CurrentPolicy } from '../../../src/application/policy/current-policy.js';
import {
  REFUSAL_REPEATED_WITHIN_MS,
  RefusedQueries,
} from '../../../src/application/policy/decisions/refused-queries.js';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import type { PolicyRule } from '../../../src/application/policy/policy-document.js';
import { ChatViewing } from '../../../src/application/policy/view-chat.js';
import type { PolicyAttributes } from '../../../src/application/ports/policy-decision-point.js';
import { type UserKey, userKey } from '../../../src/application/ports/store/command-store.js';
import { aUser } from '../../conformance/store/fixtures.js';
import { defaultPolicy } from '../../support/policies/default-policy.js';

const ALICE = { tenantId: 'default', userId: 'alice' };
const VIEWING: PolicyAttributes = {
  ...{ action: 'chat.view', producer: null, chat: { kind: 'group', archived: false }, role: 'member', target: null },
  ...{ grantedRole: null, message: null, text: null, deleteMode: null, profile: null, user: null, decision: null },
  actor: { ...ALICE, kind: 'human', claims: {}, token: null },
};
const EVERYONE: PolicyRule = {
  ...{ id: 'everyone', effect: 'permit', actions: ['chat.view'], reason: 'theirs' },
  conditions: { role: { isNot: [null] } },
};
const denying = (conditions: PolicyRule['conditions']): PolicyRule => ({
  ...{ id: 'some', effect: 'deny', actions: ['chat.view'], reason: 'not theirs' },
  conditions,
});
const policyOf = (version: string, ...rules: PolicyRule[]) => new CaslDecisionPoint({ version, rules, quotas: [] });

describe('Which chats a caller may see', () => {
  const world = new MemoryTables();
  world.users.set(userKey(ALICE), aUser('alice', { claims: { suspended: true } }));
  const viewingBy = (policy: CurrentPolicy, queries = new MemoryChatQueries(world)) =>
    new ChatViewing(queries, new PolicyEnforcementPoint(policy), new MemoryDecisionLog(world));

  it('are all by the default policy, without a condition for the store', async () => {
    expect(await viewingBy(new CurrentPolicy(defaultPolicy())).visibleTo(ALICE)).to.equal('all');
  });

  it('are none if no rule permits any', async () => {
    expect(await viewingBy(new CurrentPolicy(policyOf('nothing'))).visibleTo(ALICE)).to.equal('none');
  });

  it('are selected by kind, archived and role otherwise', async () => {
    const policy = policyOf('some', { ...EVERYONE, conditions: { role: { is: ['owner'] } } });
    const visible = await viewingBy(new CurrentPolicy(policy)).visibleTo(ALICE);
    expect(visible).to.deep.equal(
      ['direct', 'group', 'channel'].flatMap((kind) =>
        [false, true].map((archived) => ({ kind, archived, role: 'owner' })),
      ),
    );
  });

  it('differ only by these attributes, which the store filters by', () => {
    const named = Object.entries(ATTRIBUTES).filter(([, { on }]) => on.includes('chat.view'));
    const ofChats = named.map(([name]) => name).filter((name) => !name.startsWith('actor.'));
    expect(ofChats).to.have.members(['role', 'chat.kind', 'chat.archived']);
  });

  it('add one row a minute to the decision log if the same query is refused repeatedly', async () => {
    const nothing = new PolicyEnforcementPoint(new CurrentPolicy(policyOf('nothing')));
    const log = new MemoryDecisionLog(new MemoryTables());
    let now = 0;
    const refused = new RefusedQueries(log, () => now);
    const ask = (chatId: string, userId = 'alice') => {
      const attributes = { ...VIEWING, actor: { ...VIEWING.actor, userId } };
      return refused.keep(nothing.enforce(attributes, { at: new Date(), commandId: null, chatId }));
    };
    const first = await ask('one');
    expect(await ask('one')).to.equal(first);
    const others = [await ask('two'), await ask('one', 'bob')];
    expect(new Set([first, ...others]).size).to.equal(3);
    now = REFUSAL_REPEATED_WITHIN_MS;
    const later = await ask('one');
    expect(later).to.not.equal(first);
    const kept = await log.page(new Date(0), null, 100);
    expect(kept.map(({ decisionId }) => decisionId)).to.have.members([first, ...others, later]);
  });

  it('are decided with the attributes of the present policy, even if it changed during gathering', async () => {
    const first = policyOf('first', EVERYONE, denying({ 'actor.kind': { is: ['bot'] } }));
    const second = policyOf('second', EVERYONE, denying({ 'actor.claims.suspended': { is: [true] } }));
    const policy = new CurrentPolicy(first);
    class InterruptedQueries extends MemoryChatQueries {
      override async findUser(key: UserKey) {
        const user = await super.findUser(key);
        policy.replace(second);
        return user;
      }
    }
    expect(await viewingBy(policy).visibleTo(ALICE)).to.equal('all');
    expect(await viewingBy(policy, new InterruptedQueries(world)).visibleTo(ALICE)).to.equal('none');
  });
});
