import { expect } from 'chai';
import { archiveLine } from '../../../src/contract/archive/lines.js';
import { type EventType, eventData, eventTypes } from '../../../src/contract/messages/events.js';
import { restEvent } from '../../../src/contract/rest/responses.js';

/** Events of a chat that have a sequence number. */
const inChat = eventTypes.filter((type) => {
  const { shape } = eventData[type];
  return 'chatId' in shape && type !== 'command.rejected' && shape.sequence.safeParse(1).success;
});

/** Whether a schema of events refuses the type itself, and not only the missing fields. */
function refusesType(schema: typeof archiveLine | typeof restEvent, type: string): boolean {
  const { error } = schema.safeParse({ kind: 'event', type });
  return error?.issues.some(({ path }) => path.join() === 'type') ?? false;
}

describe('The events of a chat that have a sequence number', () => {
  it('include new messages and exclude read marks and profiles', () => {
    expect(inChat).to.include.members(['message.created', 'member.removed'] satisfies EventType[]);
    expect(inChat).to.not.include.members(['chat.read', 'chat.delivered', 'user.upserted'] satisfies EventType[]);
    expect(inChat).to.have.length.above(10);
  });

  it('all have a line in archives', () => {
    expect(refusesType(archiveLine, 'message.unknown')).to.equal(true);
    expect(inChat.filter((type) => refusesType(archiveLine, type))).to.deep.equal([]);
  });

  it('are all returned by REST', () => {
    expect(refusesType(restEvent, 'message.unknown')).to.equal(true);
    expect(inChat.filter((type) => refusesType(restEvent, type))).to.deep.equal([]);
  });
});
