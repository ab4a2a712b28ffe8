import { expect } from 'chai';
import { FleetHarness } from './fleet-harness.js';
import { relayKilledAndFrozen } from './scenarios/relay.js';

describe('A relay beside a worker under load', function () {
  this.timeout(120_000);
  let harness: FleetHarness;

  before(async () => {
    harness = await FleetHarness.open({ loadPauseMs: 50 });
  });
  after(() => harness?.close());

  /** All scenarios, repeatedly: `npm run proof -- faults`. */
  it(`loses and reorders nothing after this: ${relayKilledAndFrozen.what}`, () =>
    relayKilledAndFrozen.play(harness, 0));

  it('and the worker has lost nothing either', async () => {
    const { verdict, faults } = await harness.settle();
    expect(faults, JSON.stringify(verdict)).to.deep.equal([]);
  });
});
