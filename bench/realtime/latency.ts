/**
 * From the intended time of sending to the frame at each member, in groups of ten, in an open loop. A consumer of the
 * dispatch queue measures the same for dispatch, so that the difference is what the gateway adds.
 */
import amqp from 'amqplib';
import { eventually } from '../../test/support/eventually.js';
import { quantilesOf } from '../measuring/quantiles.js';
import { connected, type Measured, type Sizes, swarmAt, userOf } from './figures.js';
import { Stand } from './stand.js';

const GROUP = 10;
const GROUPS = 30;
const DISPATCH_QUEUE = 'chat.dispatch';
const RECEIVED_WITHIN_MS = 60_000;
const P50_GOAL_MS = 15;
const P99_GOAL_MS = 60;

const bodyOf = (text: string) => /"body":"(m\d+)"/.exec(text)?.[1] ?? '';

export async function latency({ rate, seconds }: Sizes): Promise<Measured> {
  const stand = await Stand.start();
  const machine = await stand.machine();
  const gateway = await stand.addGateway();
  const sentAt = new Map<string, number>();
  const dispatchMs = new Map<string, number>();
  const frames: { body: string; ms: number }[] = [];
  // Before the clients: a chat that comes later is brought by pages of sync, and so are the first messages in it.
  const chats: string[] = [];
  for (let group = 0; group < GROUPS; group += 1)
    chats.push(await stand.createGroup(Array.from({ length: GROUP }, (_, member) => userOf(group * GROUP + member))));
  const connection = await amqp.connect(stand.amqpUrl);
  const channel = await connection.createChannel();
  await channel.consume(
    DISPATCH_QUEUE,
    (message) => {
      const body = bodyOf(message?.content.toString('utf8') ?? '');
      const due = sentAt.get(body);
      if (due !== undefined) dispatchMs.set(body, performance.now() - due);
    },
    { noAck: true },
  );
  const swarm = swarmAt(stand, () => gateway, GROUP * GROUPS, {
    onEvent: (_, text) => {
      const body = bodyOf(text);
      const due = sentAt.get(body);
      if (due !== undefined) frames.push({ body, ms: performance.now() - due });
    },
  });
  try {
    await connected(swarm, GROUP * GROUPS);
    const count = rate * seconds;
    const begun = performance.now();
    const answers: Promise<number>[] = [];
    for (let sent = 0; sent < count; sent += 1) {
      const due = begun + (sent * 1_000) / rate;
      const waitMs = due - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const group = sent % GROUPS;
      sentAt.set(`m${sent}`, due);
      answers.push(stand.say(userOf(group * GROUP), chats[group] ?? '', `m${sent}`));
    }
    await Promise.all(answers);
    await eventually(() => frames.length >= count * GROUP && dispatchMs.size >= count, {
      within: RECEIVED_WITHIN_MS,
      what: 'all frames',
    });
    const atClient = quantilesOf(frames.map(({ ms }) => ms));
    const atDispatch = quantilesOf([...dispatchMs.values()]);
    const over = { p50: atClient.p50 - atDispatch.p50, p99: atClient.p99 - atDispatch.p99 };
    const paired = quantilesOf(frames.map(({ body, ms }) => ms - (dispatchMs.get(body) ?? 0)));
    const both = ({ p50, p99 }: { p50: number; p99: number }) => `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`;
    const what = `${rate} commands per second, groups of ${GROUP}, p50 / p99`;
    return {
      machine,
      figures: [
        {
          name: `commit → frame at the client, over dispatch; ${what}`,
          value: both(over),
          goal: `≤ ${P50_GOAL_MS} / ${P99_GOAL_MS} ms`,
          isMet: over.p50 <= P50_GOAL_MS && over.p99 <= P99_GOAL_MS,
        },
        { name: 'the same, event by event', value: both(paired), goal: '', isMet: null },
        { name: 'request due → frame at the client', value: both(atClient), goal: '', isMet: null },
        { name: 'request due → event at the dispatch queue', value: both(atDispatch), goal: '', isMet: null },
      ],
      notes: [`${count} commands over REST in ${seconds} s, ${frames.length} frames.`],
      plots: {},
    };
  } finally {
    swarm.stop();
    await connection.close();
    await stand.stop();
  }
}
