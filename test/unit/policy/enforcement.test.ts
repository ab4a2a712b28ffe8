import { expect } from 'chai';
import { attributesByName } from '../../../src/application/policy/attributes/named-attributes.js';
import { ChatAllowance } from '../../../src/application/policy/chat-allowance.js';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import type { PolicyAttributes } from '../../../src/application/ports/policy-decision-point.js';
import type { Quota, QuotaReservation } from '../../../src/application/ports/quotas.js';
import { defaultPolicy } from '../../support/policies/default-policy.js';

const policy = defaultPolicy();
const OCCASION = { at: new Date('2026-11-20T20:15:00.123Z'), commandId: 'command-1', chatId: null };
const sending = (role: string) =>
  attributesByName('message.send', { 'chat.kind': 'group', role: role === 'none' ? null : role });

function enforce(attributes: PolicyAttributes, sampleRate = 0) {
  const { record, isKept, ...enforced } = new PolicyEnforcementPoint(policy, sampleRate).enforce(attributes, OCCASION);
  return { ...enforced, kept: isKept ? [record] : [] };
}

describe('The enforcement point', () => {
  it('converts a denial to a refusal that names the rules, and a permit to none', () => {
    expect(enforce(sending('reader')).refusal).to.deep.equal({
      code: 'not_permitted',
      detail: 'none of these rules permits it: members-post, owners-and-admins-post-in-channels',
    });
    expect(enforce(sending('member')).refusal).to.equal(null);
  });

  it('gives each decision its own id', () => {
    const ids = Array.from({ length: 100 }, () => enforce(sending('member')).decisionId);
    expect(new Set(ids)).to.have.property('size', 100);
  });

  it('records every refusal with its attributes', () => {
    const attributes = sending('reader');
    const { decisionId, kept } = enforce(attributes);
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
        attributes,
        refusedAs: null,
      },
    ]);
  });

  it('records no permits, all permits, or about the sampled share', () => {
    const keptOf = (share: number) =>
      Array.from({ length: 2_000 }, () => enforce(sending('member'), share).kept).flat();
    expect(keptOf(0)).to.have.length(0);
    expect(keptOf(1)).to.have.length(2_000);
    // Six standard deviations either way: it fails once in 500 million runs.
    expect(keptOf(0.25).length).to.be.within(380, 620);
    expect(keptOf(0.25)[0]).to.include({ effect: 'permit', rule: 'members-post' });
  });

  it('gives a non-member the same refusal as for an unknown chat, and records the refusal', () => {
    const { decisionId, refusal, kept } = enforce(sending('none'));
    expect({ decisionId, code: refusal?.code }).to.deep.equal({ decisionId: null, code: 'not_found' });
    expect(kept).to.have.length(1);
  });

  describe('with room for one command in a chat quota', () => {
    const quota: Quota = { id: 'sends', per: 'chat', actions: ['message.send'], limit: 1, windowMs: 10_000 };
    let room: QuotaReservation;
    beforeEach(() => {
      room = { quota, key: 'c', waitMs: 2_500, left: 1, taken: 0 };
    });
    const ask = (role: string, allowance = new ChatAllowance([room]), share = 0) =>
      new PolicyEnforcementPoint(policy, share).enforce(sending(role), OCCASION, allowance);

    it('permits one command, and refuses the next as before a decision', () => {
      expect(ask('member').refusal).to.equal(null);
      const { decisionId, refusal, isKept } = ask('member');
      const detail = 'quota sends: at most 1 in 10 s for each chat';
      expect(refusal).to.deep.equal({ code: 'rate_limited', detail, retryAfterSeconds: 3 });
      expect({ decisionId, isKept }).to.deep.equal({ decisionId: null, isKept: false });
      expect(room).to.include({ left: 0, taken: 1 });
    });

    it('takes nothing for a denial, and denies in the same way without room', () => {
      const refusals = () => ['reader', 'none'].map((role) => ask(role).refusal);
      const before = refusals();
      expect(room).to.include({ left: 1, taken: 0 });
      expect(ask('member').refusal).to.equal(null);
      expect(refusals()).to.deep.equal(before);
    });

    it('counts a command once, even if it is decided several times', () => {
      const allowances = [new ChatAllowance([room]), new ChatAllowance([room])];
      const codes = () => allowances.map((allowance) => ask('member', allowance).refusal?.code);
      expect(codes()).to.deep.equal([undefined, 'rate_limited']);
      expect(codes()).to.deep.equal([undefined, 'rate_limited']);
      expect(room).to.include({ left: 0, taken: 1 });
    });

    it('takes from all quotas or from none, and reports the one that stays exceeded longest', () => {
      const hourly = { ...room, quota: { ...quota, id: 'hourly' }, waitMs: 3_600_000, left: 0 };
      const other = { ...room, left: 0 };
      for (const rooms of [
        [room, hourly, other],
        [other, hourly, room],
      ])
        expect(ask('member', new ChatAllowance(rooms)).refusal).to.include({ retryAfterSeconds: 3_600 });
      expect(room).to.include({ left: 1, taken: 0 });
    });

    it('reports a refused member as known in the chat, but not a permitted non-member', () => {
      ask('member');
      const known = (isMember: boolean) => {
        const allowance = new ChatAllowance([room]);
        allowance.take({ isMember });
        return allowance.refusedToMember?.quota.id;
      };
      expect([known(true), known(false)]).to.deep.equal(['sends', undefined]);
    });
  });
});
