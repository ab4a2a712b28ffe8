import type { Chance } from '../../property/simulation/virtual-time.js';
import { type FleetHarness, lasting } from '../fleet-harness.js';
import { brokerAway, cut, queueDeleted, redeliveryStorm, unheardFor } from '../scenarios/broker.js';
import { type Act, duration } from './act.js';

/** Commands in flight when the broker stops. */
const UNDER_WAY = 24;

function drawAway(chance: Chance, how: 'stopped' | 'killed') {
  const downMs = duration(chance, 0, 1_500);
  return {
    what: `the broker is ${how}, and started after ${downMs} ms`,
    async play(harness: FleetHarness) {
      await harness.sends(UNDER_WAY);
      await brokerAway(harness, how, () => lasting(downMs));
    },
  };
}

export const brokerActs: readonly Act[] = [
  {
    name: 'cut',
    where: 'broker',
    weight: 12,
    draw(chance) {
      const gapsMs = Array.from({ length: 1 + chance.below(4) }, () => duration(chance, 0, 400));
      return {
        what: `the workers' connections are cut, and again after ${gapsMs.join(', ')} ms`,
        async play(harness) {
          await cut(harness);
          for (const gapMs of gapsMs) {
            await lasting(gapMs);
            await cut(harness);
          }
        },
      };
    },
  },
  {
    name: 'unheard',
    where: 'broker',
    weight: 8,
    draw(chance) {
      const forMs = duration(chance, 20, 800);
      return {
        what: `the broker's replies are lost for ${forMs} ms, then the connections are cut`,
        play: (harness) => unheardFor(harness, forMs),
      };
    },
  },
  {
    name: 'half-open',
    where: 'broker',
    weight: 1,
    draw: () => ({
      what: 'all existing connections pass no data and stay open; new connections work',
      play: async (harness) => harness.brokerWire.freeze(),
    }),
  },
  {
    name: 'storm',
    where: 'broker',
    weight: 2,
    isAlone: true,
    draw: () => ({ what: redeliveryStorm.what, play: (harness) => redeliveryStorm.play(harness, 0) }),
  },
  {
    name: 'queue-deleted',
    where: 'broker',
    weight: 3,
    draw: () => ({ what: queueDeleted.what, play: (harness) => queueDeleted.play(harness, 0) }),
  },
  {
    name: 'broker-restart',
    where: 'broker',
    weight: 1,
    isAlone: true,
    draw: (chance) => drawAway(chance, 'stopped'),
  },
  {
    name: 'broker-killed',
    where: 'broker',
    weight: 1,
    isAlone: true,
    draw: (chance) => drawAway(chance, 'killed'),
  },
];
