import { expect } from 'chai';
import { CaslDecisionPoint } from '../../../../src/adapters/policy/casl-decision-point.js';
import { readPolicy } from '../../../../src/adapters/policy/read-policy.js';
import { MemoryDecisionLog } from '../../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import {
  REPLAY_PAGE,
  type ReplayRange,
  replayDecisions,
} from '../../../../src/application/policy/decisions/replay-decisions.js';
import { PolicyCache } from '../../../../src/application/policy/policy-cache.js';
import type { PolicyAttributes } from '../../../../src/application/ports/policy-decision-point.js';
import { smallestIdAt } from '../../../../src/application/ports/store/decision-log.js';
import type { DecisionRecord } from '../../../../src/application/ports/store/decision-record.js';
import { documentOf } from '../../../../src/main/policy/policy-file.js';

const HOUR_MS = 3_600_000;
const START = Date.parse('2026-11-20T20:00:00.000Z');
const ALL: ReplayRange = { since: new Date(START), until: new Date(START + HOUR_MS), limit: null };
const HEAD = 'parley-policy: 1\nversion: draft\nrules:\n';

const attributes: PolicyAttributes = {
  action: 'message.send',
  actor: { tenantId: 'default', userId: 'alice', kind: 'human', claims: {}, token: null },
  producer: { userId: null, appId: 'web' },
  chat: { kind: 'group', archived: false },
  role: 'member',
  target: null,
  grantedRole: null,
  message: null,
  text: { length: 5, hasLinks: false, mentions: 0, attachments: 0 },
  deleteMode: null,
  profile: null,
  user: null,
  decision: null,
};

let log: MemoryDecisionLog;
beforeEach(() => {
  log = new MemoryDecisionLog(new MemoryTables());
});

const idAt = (afterMs: number) => smallestIdAt(new Date(START + afterMs));

/** One per millisecond from the start, unless given. */
function record(decisions: Partial<DecisionRecord>[], firstMs = 0): Promise<void> {
  return log.record(
    decisions.map((over, index) => ({
      ...{ decisionId: idAt(firstMs + index), at: new Date(START + firstMs + index), tenantId: 'default' },
      ...{ actorId: 'alice', commandId: 'c', chatId: null, action: 'message.send', effect: 'permit' },
      ...{ rule: 'members-post', policyVersion: 'then@1', attributes, refusedAs: null },
      ...over,
    })),
  );
}

async function replay(rules: string, range: Partial<ReplayRange> = {}, onPage?: (looked: number) => void) {
  const read = readPolicy(`${HEAD}${rules}`);
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  const { document } = read;
  const point = new CaslDecisionPoint(document);
  const draft = { document, decide: point.decide.bind(point) };
  return replayDecisions(log, new PolicyCache(log, documentOf), draft, { ...ALL, ...range }, onPage);
}

const EVERYBODY =
  '  - { id: everybody, effect: permit, actions: [message.send], subject: { role: [member, reader] }, reason: x }';
const NO_LINKS = `${EVERYBODY}\n  - { id: no-links, effect: deny, actions: [message.send], when: { text.hasLinks: true }, reason: x }`;

describe('Replaying decisions with another policy', () => {
  it('reports changed decisions by old and new rule, the most frequent first', async () => {
    const reader = { attributes: { ...attributes, role: 'reader' as const }, effect: 'deny' as const, rule: null };
    const link = { attributes: { ...attributes, text: { length: 5, hasLinks: true, mentions: 0, attachments: 0 } } };
    await record([reader, {}, link, reader, reader, {}, reader, { ...link, rule: 'others-post' }]);
    const { permits, denies, flips } = await replay(NO_LINKS);
    expect({ permits, denies }).to.deep.equal({ permits: 4, denies: 4 });
    expect(flips).to.deep.equal([
      { from: 'deny', recordedRule: null, draftRule: 'everybody', count: 4, examples: [0, 3, 4].map(idAt) },
      { from: 'permit', recordedRule: 'members-post', draftRule: 'no-links', count: 1, examples: [idAt(2)] },
      { from: 'permit', recordedRule: 'others-post', draftRule: 'no-links', count: 1, examples: [idAt(7)] },
    ]);
    expect((await replay(' []')).flips.map(({ draftRule, count }) => [draftRule, count])).to.deep.equal([
      [null, 3],
      [null, 1],
    ]);
  });

  it('reads decisions of the given time, page by page, up to the limit', async () => {
    await record(Array.from({ length: REPLAY_PAGE + 2 }, () => ({})));
    await record([{}], HOUR_MS + 1);
    const pages: number[] = [];
    const { permits, flips } = await replay(' []', { since: new Date(START + 1) }, (looked) => pages.push(looked));
    expect(permits).to.equal(REPLAY_PAGE + 1);
    expect(flips[0]?.count).to.equal(REPLAY_PAGE + 1);
    expect(pages).to.deep.equal([REPLAY_PAGE, REPLAY_PAGE + 1]);
    expect((await replay(' []', { limit: REPLAY_PAGE + 1 })).permits).to.equal(REPLAY_PAGE + 1);
    expect((await replay(' []', { limit: 3 })).permits).to.equal(3);
  });

  it('treats unrecorded attributes as unknown, which never favours the actor', async () => {
    const old = (over: object) => ({ attributes: { action: 'message.send', ...over } as unknown as PolicyAttributes });
    await record([
      old({}),
      old({ actor: {}, role: 'member', chat: attributes.chat }),
      old({ actor: null, role: 'member' }),
    ]);
    expect((await replay(EVERYBODY)).flips.map(({ count }) => count)).to.deep.equal([1]);
    expect((await replay(NO_LINKS)).flips.map(({ draftRule, count }) => [draftRule, count])).to.deep.equal([
      ['no-links', 3],
    ]);
  });

  it('treats a claim that the old policy did not use as unknown, not absent', async () => {
    const guests = (when: string) =>
      `${EVERYBODY}\n  - { id: guests, effect: deny, actions: [message.send], subject: { actor.claims.guest: ${when} }, reason: x }`;
    await record([{}]);
    expect((await replay(guests('true'))).flips).to.have.length(1);
    await log.savePolicy('then@1', `${HEAD}${guests('true')}`);
    expect((await replay(guests('true'))).flips).to.deep.equal([]);
    expect((await replay(guests('{ present: false }'))).flips).to.have.length(1);
  });

  it('treats the kind of user that a query did not look up as unknown', async () => {
    const humans = (action: string) =>
      `  - { id: humans, effect: permit, actions: [${action}], subject: { actor.kind: human, role: member }, reason: x }`;
    const view = { action: 'chat.view' as const, attributes: { ...attributes, action: 'chat.view' as const } };
    await record([view]);
    expect((await replay(humans('chat.view'))).flips).to.have.length(1);
    await log.savePolicy('then@1', `${HEAD}${humans('message.send')}`);
    expect((await replay(humans('chat.view'))).flips).to.have.length(1);
    await log.savePolicy('then@2', `${HEAD}${humans('chat.view')}`);
    await record([{ ...view, policyVersion: 'then@2' }]);
    expect((await replay(humans('chat.view'))).flips).to.deep.equal([]);
  });
});
