import { expect } from 'chai';
import { type RefusalCode, reason, refusal, refusalCodes } from '../../../src/contract/messages/problems.js';

/** CONTRACT, section 1.3: each code, its HTTP status, and whether the refusal is stored. */
const table: [RefusalCode, number, boolean][] = [
  ['invalid', 422, true],
  ['unsupported_type', 422, true],
  ['too_large', 413, true],
  ['unauthenticated', 401, false],
  ['not_found', 404, true],
  ['not_permitted', 403, true],
  ['muted', 403, true],
  ['archived', 403, true],
  ['conflict', 409, false],
  ['limit_reached', 409, true],
  ['rate_limited', 429, false],
  ['moderated', 403, true],
];

describe('A refusal', () => {
  it("has one of the contract's codes", () => {
    expect(Object.keys(refusalCodes)).to.have.members(table.map(([code]) => code));
  });

  for (const [code, status, stored] of table)
    it(`with the code ${code} is HTTP ${status} and ${stored ? 'stored' : 'not stored, since trying again may succeed'}`, () => {
      expect(refusalCodes[code]).to.include({ status, stored });
      expect(reason.parse(refusal(code))).to.deep.equal({ code, title: refusalCodes[code].title });
    });

  it('contains its detail and violations, if any', () => {
    const violations = [{ path: 'data.body', message: 'is missing' }];
    expect(refusal('invalid', 'why', violations)).to.deep.equal({
      code: 'invalid',
      title: refusalCodes.invalid.title,
      detail: 'why',
      violations,
    });
  });
});
