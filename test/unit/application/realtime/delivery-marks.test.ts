import { expect } from 'chai';
import type { Submission, SubmittedCommand } from '../../../../src/application/gateway/submit-command.js';
import {
  DELIVERY_IN_FLIGHT_MAX,
  DELIVERY_MARK_INTERVAL_MS,
  DELIVERY_MARKS_MAX,
  DELIVERY_REFUSED_PAUSE_MS,
  DeliveryMarks,
} from '../../../../src/application/realtime/delivery-marks.js';
import type { CloudEvent } from '../../../../src/contract/messages/events.js';
import { eventually } from '../../../support/eventually.js';
import { BOB, CHAT, connectionOf, live, message } from './realtime-fixtures.js';

const ISSUER = { caller: BOB, authorization: 'Bearer t' };
const WITHIN_MS = 1_000;

/** Marks with a submitter that keeps commands until they are answered. */
function marksWith({ large = new Set<string>() } = {}) {
  let now = 0;
  const commands: SubmittedCommand[] = [];
  const open: { resolve(submission: Submission): void; reject(error: Error): void }[] = [];
  const silent = () => undefined;
  const marks = new DeliveryMarks({
    submitter: {
      submit: (command) => {
        commands.push(command);
        return new Promise((resolve, reject) => open.push({ resolve, reject }));
      },
    },
    isLarge: (chatId) => large.has(chatId),
    time: { elapsedMs: () => now },
    logger: { debug: silent, info: silent, warn: silent, error: silent },
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    marks,
    commands,
    pass: (ms: number) => {
      now += ms;
    },
    answer: async (status: 'accepted' | 'rejected' = 'accepted') => {
      for (const { resolve } of open.splice(0))
        resolve({
          outcome: 'answered',
          receipt: { status } as unknown as Extract<Submission, { outcome: 'answered' }>['receipt'],
        });
      await settled();
    },
    fail: async () => {
      for (const { reject } of open.splice(0)) reject(new Error('unavailable'));
      await settled();
    },
    upTos: () => commands.map(({ data }) => (data as { upTo: number }).upTo),
  };
}

const markEvent = (type: 'chat.read' | 'chat.delivered', upTo: number) =>
  live(
    { type, id: 'p0/1', data: { tenantId: 'default', chatId: CHAT, userId: 'bob', upTo } } as unknown as CloudEvent,
    1,
  );

describe('Delivery marks', () => {
  it('issues one command for all messages that were acknowledged since, at most once in the interval', async () => {
    const { marks, commands, pass, answer, upTos } = marksWith();
    marks.arrived(ISSUER, [{ chatId: CHAT, sequence: 2 }]);
    marks.arrived(ISSUER, [{ chatId: CHAT, sequence: 4 }]);
    marks.tick();
    expect(commands).to.deep.equal([
      {
        ...ISSUER,
        ...{ type: 'chat.delivered', chatId: CHAT, data: { upTo: 4 }, commandId: `delivered:${CHAT}:4` },
        ...{ traceparent: null, tracestate: null },
      },
    ]);
    await answer();
    marks.arrived(ISSUER, [{ chatId: CHAT, sequence: 5 }]);
    pass(DELIVERY_MARK_INTERVAL_MS - 1);
    marks.tick();
    expect(upTos()).to.deep.equal([4]);
    marks.arrived(ISSUER, [{ chatId: CHAT, sequence: 3 }]);
    pass(1);
    marks.tick();
    expect(upTos()).to.deep.equal([4, 5]);
  });

  it('issues none for what another device has marked, or the user has read', () => {
    for (const type of ['chat.read', 'chat.delivered'] as const) {
      const { marks, commands } = marksWith();
      marks.arrived(ISSUER, [{ chatId: CHAT, sequence: 4 }]);
      marks.dispatched(markEvent(type, 4));
      marks.tick();
      expect(commands).to.deep.equal([]);
    }
  });

  it('sends a mark again that was not submitted, and pauses after a refusal', async () => {
    const { marks, pass, fail, answer, upTos } = marksWith();
    marks.arrived(ISSUER, [{ chatId: CHAT, sequence: 4 }]);
    marks.tick();
    await fail();
    pass(DELIVERY_MARK_INTERVAL_MS);
    marks.tick();
    expect(upTos()).to.deep.equal([4, 4]);
    await answer('rejected');
    marks.arrived(ISSUER, [{ chatId: CHAT, sequence: 9 }]);
    pass(DELIVERY_REFUSED_PAUSE_MS - 1);
    marks.tick();
    expect(upTos()).to.have.length(2);
    pass(1);
    marks.tick();
    expect(upTos()).to.deep.equal([4, 4, 9]);
  });

  it('leaves most of the quota of a user to the user', async () => {
    const { marks, commands, pass, answer } = marksWith();
    for (let second = 0; second < 10; second += 1) {
      for (let chat = 0; chat < 40; chat += 1)
        marks.arrived(ISSUER, [{ chatId: `chat-${chat}`, sequence: second + 1 }]);
      marks.tick();
      await answer();
      pass(1_000);
    }
    expect(commands.length).to.be.within(40, 60);
  });

  it('bounds the commands in flight, and issues the others when receipts arrive', async () => {
    const { marks, commands, answer } = marksWith();
    const count = DELIVERY_IN_FLIGHT_MAX * 2;
    for (let user = 0; user < count; user += 1)
      marks.arrived({ ...ISSUER, caller: { ...BOB, userId: `u${user}` } }, [{ chatId: CHAT, sequence: 1 }]);
    marks.tick();
    expect(commands).to.have.length(DELIVERY_IN_FLIGHT_MAX);
    await answer();
    await eventually(() => commands.length === count, { within: WITHIN_MS, what: 'the others' });
  });

  it('keeps a bounded number of marks, and forgets those that nothing has changed', async () => {
    const { marks, pass } = marksWith();
    const arrivals = Array.from({ length: DELIVERY_MARKS_MAX + 1 }, (_, n) => ({ chatId: `c${n}`, sequence: 0 }));
    marks.arrived(ISSUER, arrivals);
    expect(marks.count).to.equal(DELIVERY_MARKS_MAX);
    pass(60_000);
    marks.tick();
    expect(marks.count).to.equal(0);
  });

  it('issues none in a large chat', () => {
    const { marks, commands } = marksWith({ large: new Set([CHAT]) });
    marks.arrived(ISSUER, [{ chatId: CHAT, sequence: 1 }]);
    marks.tick();
    expect(commands).to.deep.equal([]);
  });
});

describe('Arrivals of a connection', () => {
  it('are the messages of others that the client has acknowledged, no earlier', () => {
    const made = connectionOf();
    made.goLive();
    made.connection.offer(live(message(1), 1), 'content', true);
    made.connection.offer(live(message(2, 'own', 'bob'), 2), 'content', true);
    made.connection.offer(live(message(3), 3), 'content', true);
    expect(made.arrived).to.deep.equal([]);
    made.connection.ack(2);
    expect(made.arrived).to.deep.equal([{ chatId: CHAT, sequence: 1 }]);
    made.connection.ack(3);
    expect(made.arrived.at(-1)).to.deep.equal({ chatId: CHAT, sequence: 3 });
  });

  it('of a page come with the mark that follows it', () => {
    const made = connectionOf();
    made.goLive(5, 0, [{ chatId: CHAT, sequence: 4 }]);
    expect(made.connection.canMark(1, 0)).to.equal(true);
    made.connection.mark({ token: 't', progress: made.connection.progress });
    expect(made.arrived).to.deep.equal([]);
    made.connection.ack(1);
    expect(made.arrived).to.deep.equal([{ chatId: CHAT, sequence: 4 }]);
  });

  it('a page without news does not cause a mark', () => {
    const made = connectionOf();
    made.goLive(5);
    expect(made.connection.canMark(1, 0)).to.equal(false);
  });
});
