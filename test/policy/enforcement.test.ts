import { expect } from 'chai';
import { PolicyEnforcementPoint } from '../../src/application/policy/enforcement.js';
import type { PolicyFacts } from '../../src/application/policy/facts.js';
import { factsByName } from '../../src/application/policy/named-facts.js';
import { defaultPolicy } from '../support/default-policy.js';

const policy = defaultPolicy();
const OCCASION = { at: new Date('2026-11-20T20:15:00.123Z'), commandId: 'command-1', chatId: null };
const sending = (role: string) =>
  factsByName('message.send', { 'chat.kind': 'group', role: role === 'none' ? null : role });

function enforce(facts: PolicyFacts, permitShare = 0) {
  const { record, isKept, ...enforced } = new PolicyEnforcementPoint(policy, permitShare).enforce(facts, OCCASION);
  return { ...enforced, kept: isKept ? [record] : [] };
}

describe('The enforcement point', () => {
  it('turns a no into a refusal that names the rules, and a yes into none', () => {
    expect(enforce(sending('reader')).refusal).to.deep.equal({
      code: 'not_permitted',
      detail: 'none of these rules permits it: members-post, owners-and-admins-post-in-channels',
    });
    expect(enforce(sending('member')).refusal).to.equal(null);
  });

  it('gives each decision an id of its own', () => {
    const ids = Array.from({ length: 100 }, () => enforce(sending('member')).decisionId);
    expect(new Set(ids)).to.have.property('size', 100);
  });

  it('keeps every refusal, with all that it was decided by', () => {
    const facts = sending('reader');
    const { decisionId, kept } = enforce(facts);
    expect(kept).to.deep.equal([
      {
        decisionId,
        ...OCCASION,
        tenantId: 'default',
        actorId: 'somebody',
        action: 'message.send',
        effect: 'deny',
        rule: null,
        policyVersion: policy.version,
        facts,
        refusedAs: null,
      },
    ]);
  });

  it('keeps none, all, or about as many of the permits as it is told to', () => {
    const keptOf = (share: number) =>
      Array.from({ length: 2_000 }, () => enforce(sending('member'), share).kept).flat();
    expect(keptOf(0)).to.have.length(0);
    expect(keptOf(1)).to.have.length(2_000);
    // Six standard deviations either way: it fails once in 500 million runs.
    expect(keptOf(0.25).length).to.be.within(380, 620);
    expect(keptOf(0.25)[0]).to.include({ effect: 'permit', rule: 'members-post' });
  });

  it('tells one who is not in the chat what it tells of a chat that is not there, and keeps the refusal all the same', () => {
    const { decisionId, refusal, kept } = enforce(sending('none'));
    expect({ decisionId, code: refusal?.code }).to.deep.equal({ decisionId: null, code: 'not_found' });
    expect(kept).to.have.length(1);
  });
});
