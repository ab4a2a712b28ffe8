import { expect } from 'chai';
import { LiveEvent } from '../../../../src/application/realtime/live-event.js';
import { exampleEvents } from '../../../../src/contract/examples/events.js';
import type { CloudEvent } from '../../../../src/contract/messages/events.js';

/** What decides who may see the event, as in the contract: the message, the mark, or the event itself. */
function expectedOf({ data }: CloudEvent): number {
  const { messageSequence, upTo, sequence } = data as {
    messageSequence?: number;
    upTo?: number;
    sequence?: number | null;
  };
  return messageSequence ?? upTo ?? sequence ?? 0;
}

describe('A live event', () => {
  for (const { name, event } of exampleEvents)
    it(`is pushed to the members who may see what it is about: ${name} (${event.type})`, () => {
      expect(new LiveEvent(0, 1, event).contentSequence).to.equal(expectedOf(event));
    });
});
