/** Pushes per second to the members of a large group, in turns with `ws` alone and socket.io. */
import { eventually } from '../../test/support/eventually.js';
import { cpuSeconds } from '../measuring/cpu-time.js';
import { median } from '../measuring/quantiles.js';
import { connected, type Measured, type Sizes, swarmAt, userOf } from './figures.js';
import { startPeer } from './peers.js';
import { Stand } from './stand.js';
import { type Protocol, Swarm } from './swarm.js';

const SENT_WITHIN_MS = 120_000;
/** Messages that are on their way to the workers at a time. */
const SENDERS = 64;
/** Messages that the clients may be behind, in each lane. With more, a gateway would find its clients slow. */
const WINDOW = 100;
const WINDOW_POLL_MS = 1;
const CEILING_GOAL = 0.6;
const PEER_GOAL = 1.5;

interface Lane {
  protocol: Protocol;
  pid: number;
  swarm: Swarm;
  /** Sends this many messages to all members. */
  send(count: number): Promise<void>;
}

export async function throughput({ members, messages, rounds }: Sizes): Promise<Measured> {
  const stand = await Stand.start();
  const machine = await stand.machine();
  const gateway = await stand.addGateway();
  const users = Array.from({ length: members }, (_, client) => userOf(client));
  const chatId = await stand.createGroup(users);
  let frame = '';
  const parley = swarmAt(stand, () => gateway, members, {
    onEvent: (_, text) => {
      frame = text;
    },
  });
  const closing: (() => Promise<void>)[] = [];
  try {
    await connected(parley, members);
    /** Calls `one` so many times, no faster than the clients get the messages. */
    const inWindow = async (swarm: Swarm, count: number, one: () => unknown, atOnce: number) => {
      const before = swarm.events;
      let begun = 0;
      const work = async () => {
        while (begun < count) {
          if (begun - (swarm.events - before) / members >= WINDOW)
            await new Promise((resolve) => setTimeout(resolve, WINDOW_POLL_MS));
          else {
            begun += 1;
            await one();
          }
        }
      };
      await Promise.all(Array.from({ length: atOnce }, work));
    };
    const say = () => stand.say(userOf(0), chatId, 'x'.repeat(200));
    const lanes: Lane[] = [
      {
        ...{ protocol: 'parley', pid: gateway.pid, swarm: parley },
        send: (count) => inWindow(parley, count, say, SENDERS),
      },
    ];
    await say();
    await eventually(() => parley.events >= members, { within: SENT_WITHIN_MS, what: 'the first message' });
    for (const protocol of ['ws', 'socket.io'] as const) {
      const peer = await startPeer(protocol);
      const swarm = new Swarm({ protocol, address: () => peer.url }, members);
      closing.push(async () => {
        swarm.stop();
        await peer.stop();
      });
      swarm.start();
      await connected(swarm, members);
      // The same bytes.
      const send = (count: number) => inWindow(swarm, count, () => peer.send(frame), 1);
      lanes.push({ protocol, pid: peer.pid, swarm, send });
    }
    const measured = new Map<Protocol, { perSecond: number[]; perCpuSecond: number[] }>();
    for (let round = 0; round < rounds; round += 1)
      for (const lane of round % 2 === 0 ? lanes : [...lanes].reverse()) {
        const { protocol, pid, swarm, send } = lane;
        const [before, cpuBefore, begun] = [swarm.events, cpuSeconds([pid]), performance.now()];
        const pushes = messages * members;
        await Promise.all([
          send(messages),
          eventually(() => swarm.events - before >= pushes, { within: SENT_WITHIN_MS, what: `pushes by ${protocol}` }),
        ]);
        const figures = measured.get(protocol) ?? { perSecond: [], perCpuSecond: [] };
        measured.set(protocol, figures);
        figures.perSecond.push(pushes / ((performance.now() - begun) / 1_000));
        figures.perCpuSecond.push(pushes / (cpuSeconds([pid]) - cpuBefore));
      }
    const of = (protocol: Protocol, which: 'perSecond' | 'perCpuSecond') => measured.get(protocol)?.[which] ?? [];
    const share = (protocol: Protocol, which: 'perSecond' | 'perCpuSecond') =>
      median(of('parley', which).map((value, round) => value / (of(protocol, which)[round] ?? 1)));
    const told = (which: 'perSecond' | 'perCpuSecond') =>
      (['parley', 'ws', 'socket.io'] as const).map((one) => `${one} ${median(of(one, which)).toFixed(0)}`).join(', ');
    const goal = (protocol: 'ws' | 'socket.io', least: number) => {
      const [byTime, byCpu] = [share(protocol, 'perSecond'), share(protocol, 'perCpuSecond')];
      const name = protocol === 'ws' ? '`ws` alone, the ceiling' : 'socket.io, the peer';
      return {
        name: `pushes per second ÷ ${name} (per processor second of the server)`,
        value: `${byTime.toFixed(2)} (${byCpu.toFixed(2)})`,
        goal: `≥ ${least}`,
        isMet: byTime >= least,
      };
    };
    return {
      machine,
      figures: [
        goal('ws', CEILING_GOAL),
        goal('socket.io', PEER_GOAL),
        { name: `pushes per second, ${members} members`, value: told('perSecond'), goal: '', isMet: null },
        { name: 'pushes per processor second of the server', value: told('perCpuSecond'), goal: '', isMet: null },
      ],
      notes: [
        `${rounds} rounds in turns, each with ${messages} messages of ${frame.length} bytes to ${members} connections; medians. The load driver shares the processors: pushes per second are those of server and driver together.`,
      ],
      plots: {},
    };
  } finally {
    for (const close of closing) await close();
    parley.stop();
    await stand.stop();
  }
}
