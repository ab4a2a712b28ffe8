/**
 * Planted bugs of the relay: each puts one bug between a relay and its ports, plays a scenario, and returns the faults
 * that the scenario's checks report. The relay's tests run them on both stores, `npm run proof -- planted` on the
 * in-memory store.
 */
import type { EventCursors } from '../../../src/application/ports/store/log/event-cursors.js';
import type { RelayHarness } from '../../support/relay-harness.js';
import { crashBeforeDelivery, hole, poison, zombie } from './scenarios.js';

export const RELAY_BUGS: { [name: string]: (harness: RelayHarness) => Promise<string[]> } = {
  'the cursor moves before the events are delivered': (harness) =>
    crashBeforeDelivery(harness, ({ cursors, followed }) => ({
      read: async (partition, after, limit) => {
        const read = await followed.read(partition, after, limit);
        const epoch = await currentEpoch(cursors, 'test', partition);
        await cursors.move({ name: 'test', partition, epoch }, read.events.at(-1)?.position ?? after);
        return read;
      },
    })),

  'a cursor moves without a check of its epoch': (harness) => {
    const { cursors } = harness.store;
    const move: EventCursors['move'] = async (cursor, position) =>
      cursors.move({ ...cursor, epoch: await currentEpoch(cursors, cursor.name, cursor.partition) }, position);
    return zombie(harness, { freezesAt: 'cursor', ports: () => ({ move }) });
  },

  'a poison event is skipped without being parked': (harness) =>
    poison(
      harness,
      () => 'refused',
      ({ cursors }) => ({ park: (cursor, _place, _code, position) => cursors.move(cursor, position) }),
    ),

  'the text of a poison event is parked': (harness) =>
    poison(
      harness,
      () => 'refused',
      ({ cursors, log }) => ({
        park: async (cursor, place, _code, position) => {
          const [event] = await log.readEvents(cursor.partition, place.position - 1, 1);
          return cursors.park(cursor, place, JSON.stringify(event), position);
        },
      }),
    ),

  'a gap in the log is skipped': (harness) =>
    hole(harness, ({ followed }) => ({
      read: async (...args) => {
        const read = await followed.read(...args);
        return { ...read, floor: read.end };
      },
    })),
};

async function currentEpoch(cursors: EventCursors, name: string, partition: number): Promise<number> {
  const states = await cursors.states();
  return states.find((state) => state.name === name && state.partition === partition)?.epoch ?? 0;
}
