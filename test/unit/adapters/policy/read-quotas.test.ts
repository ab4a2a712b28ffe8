import { expect } from 'chai';
import { readPolicy } from '../../../../src/adapters/policy/read-policy.js';
import { commandTypes } from '../../../../src/contract/messages/commands.js';

function reading(quota: string) {
  return readPolicy(`parley-policy: 1\nversion: t\nrules: []\nquotas:\n  - ${quota}\n`);
}

describe("A policy's quotas", () => {
  it('apply to the named commands, or to all', () => {
    const named = reading('{ id: sends, per: chat, actions: [message.send], limit: 5, window: 10s }');
    const all = reading('{ id: everything, per: producer, limit: 5, window: 1h }');
    expect(named.ok && named.document.quotas).to.deep.equal([
      { id: 'sends', per: 'chat', actions: ['message.send'], limit: 5, windowMs: 10_000 },
    ]);
    expect(all.ok && all.document.quotas).to.deep.equal([
      { id: 'everything', per: 'producer', actions: commandTypes, limit: 5, windowMs: 3_600_000 },
    ]);
  });

  const faults: [string, string][] = [
    ['what is no command: nobody would count it', '{ id: q, per: actor, actions: [chat.view], limit: 5, window: 10s }'],
    ['no actions at all', '{ id: q, per: actor, actions: [], limit: 5, window: 10s }'],
    ['a key that nothing is counted by', '{ id: q, per: role, limit: 5, window: 10s }'],
    ['a limit of nothing', '{ id: q, per: actor, limit: 0, window: 10s }'],
    ['a window under a second', '{ id: q, per: actor, limit: 5, window: 999ms }'],
    ['a window over a day', '{ id: q, per: actor, limit: 5, window: 25h }'],
  ];
  for (const [what, quota] of faults)
    it(`are refused for ${what}, with the line`, () => {
      const read = reading(quota);
      expect(read.ok ? [] : read.faults.map(({ line }) => line)).to.deep.equal([5]);
    });
});
