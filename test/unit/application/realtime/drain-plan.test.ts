import { expect } from 'chai';
import { drainPlan } from '../../../../src/application/realtime/drain-plan.js';

describe('The plan of a drain', () => {
  it('is short with few connections, and then clients come back at once', () => {
    expect(drainPlan(0, 20_000)).to.deep.equal({ closeOverMs: 0, returnWithinMs: 0 });
    expect(drainPlan(10, 20_000)).to.deep.equal({ closeOverMs: 200, returnWithinMs: 50 });
  });

  it('keeps clients away for a second if the closings are spread', () => {
    expect(drainPlan(1_000, 20_000)).to.deep.equal({ closeOverMs: 20_000, returnWithinMs: 1_000 });
  });

  it('spreads the return where the closings are not spread', () => {
    expect(drainPlan(10_000, 0)).to.deep.equal({ closeOverMs: 0, returnWithinMs: 50_000 });
    expect(drainPlan(10_000, 20_000)).to.deep.equal({ closeOverMs: 20_000, returnWithinMs: 30_000 });
  });
});
