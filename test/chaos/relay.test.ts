import { expect } from 'chai';
import { FleetHarness } from './fleet-harness.js';
import { relayFrozen, relayKilledDelivering, relaySinkAway } from './scenarios/relay.js';

/** One schedule of some; all of them, and more often: `npm run proof -- faults`. */
const PLAYED = [relayKilledDelivering, relayFrozen, relaySinkAway];

describe('A relay beside a worker under load', function () {
  this.timeout(120_000);
  let harness: FleetHarness;

  before(async () => {
    harness = await FleetHarness.open({ loadPauseMs: 50 });
  });
  after(() => harness?.close());

  for (const scenario of PLAYED)
    it(`loses and reorders nothing after this: ${scenario.what}`, () => scenario.play(harness, 0));

  it('and the worker has lost nothing either', async () => {
    const { verdict, faults } = await harness.settle();
    expect(faults, JSON.stringify(verdict)).to.deep.equal([]);
  });
});
