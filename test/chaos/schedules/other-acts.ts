/** Faults of the dispatch consumer and of producers. */
import { v4 } from 'uuid';
import { lasting } from '../fleet-harness.js';
import { poisonBuried, sameId } from '../scenarios/commands.js';
import { bindDispatch, unbindDispatch } from '../scenarios/dispatch.js';
import { type Act, duration } from './act.js';

export const otherActs: readonly Act[] = [
  {
    name: 'unbound',
    where: 'dispatch',
    weight: 6,
    draw(chance) {
      const forMs = duration(chance, 50, 1_000);
      return {
        what: `the dispatch queue is unbound for ${forMs} ms`,
        async play(harness) {
          await unbindDispatch(harness);
          await lasting(forMs);
          await bindDispatch(harness);
        },
      };
    },
  },
  {
    name: 'dispatch-away',
    where: 'dispatch',
    weight: 6,
    draw(chance) {
      const forMs = duration(chance, 100, 2_000);
      return {
        what: `the dispatch consumer disconnects, and reconnects after ${forMs} ms`,
        async play(harness) {
          await harness.fleet.dispatch.close();
          await lasting(forMs);
          await harness.fleet.connectDispatch();
        },
      };
    },
  },
  {
    name: 'same-id',
    where: 'producers',
    weight: 4,
    draw(chance) {
      const round = chance.below(1_000_000_000);
      return { what: sameId.what, play: (harness) => sameId.play(harness, round) };
    },
  },
  {
    name: 'poison',
    where: 'producers',
    weight: 4,
    draw(chance) {
      const chats = Array.from({ length: 1 + chance.below(3) }, () => chance.below(1_000));
      return {
        what: `${chats.length} poison commands`,
        play: (harness) =>
          poisonBuried(
            harness,
            chats.map((number) => ({ number, commandId: `poison-${v4()}` })),
          ),
      };
    },
  },
];
