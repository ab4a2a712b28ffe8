import { expect } from 'chai';
import { FleetHarness } from '../fleet-harness.js';
import { confirmLost, redeliveryStorm } from '../scenarios/broker.js';
import { sameId } from '../scenarios/commands.js';
import { backendsTerminated, commitReplyLost, deadlock } from '../scenarios/database.js';
import { dispatchUnbound } from '../scenarios/dispatch.js';

/** Each scenario that no other test covers, once. All of them: `npm run proof -- faults`. */
const PLAYED = [sameId, commitReplyLost, deadlock, backendsTerminated, confirmLost, redeliveryStorm, dispatchUnbound];

describe('A worker under load recovers', function () {
  this.timeout(120_000);
  let harness: FleetHarness;

  before(async () => {
    harness = await FleetHarness.open();
  });
  after(() => harness?.close());

  for (const scenario of PLAYED) it(`after: ${scenario.what}`, () => scenario.play(harness, 0));

  it('and loses, doubles and reorders nothing through all of it', async () => {
    const { verdict, faults } = await harness.settle();
    expect(faults, JSON.stringify(verdict)).to.deep.equal([]);
  });
});
