import { expect } from 'chai';
import { readCases } from '../../../../src/adapters/policy/read-cases.js';

const HEAD = 'policy-cases: 1\ncases:\n';

/** As `policy test` prints them; none: it is read. */
function faultsIn(cases: string): string[] {
  const read = readCases(HEAD + cases);
  return read.ok ? [] : read.faults.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('A decision table', () => {
  it('is refused, with line and column, for an attribute that its action never has', () => {
    expect(
      faultsIn(`
  - name: creating has no role yet
    actions: [chat.create]
    attributes: { chat.kind: group, role: owner }
    expect: permit
  - name: only some of these have a message
    actions: [message.edit, message.send, chat.view]
    attributes:
      role: member
      message.isSender: true
    expect: deny
  - { name: queries have no producer, actions: [chat.view], attributes: { producer.appId: shop }, expect: deny }`),
    ).to.deep.equal([
      '6:37 role: is not available for chat.create',
      '12:7 message.isSender: is not available for message.send, chat.view',
      '14:75 producer.appId: is not available for chat.view',
    ]);
  });

  it('may name the attributes of all its actions, and claims for any action', () => {
    expect(
      faultsIn(`
  - { name: a, actions: [message.edit, message.delete], attributes: { message.isSender: true, role: none }, expect: deny }
  - { name: b, actions: [chat.view, user.upsert], attributes: { actor.claims.guest: true, actor.token.team: [a, b] }, expect: deny }`),
    ).to.deep.equal([]);
  });

  it('is refused for an unknown attribute or value', () => {
    expect(
      faultsIn(`
  - { name: a, actions: [message.send], attributes: { message.sender: bob }, expect: deny }
  - { name: b, actions: [message.send], attributes: { role: [owner, king] }, expect: deny }`),
    ).to.deep.equal(['4:55 message.sender: there is no such attribute', '5:55 role: "king" is not one of its values']);
  });
});
