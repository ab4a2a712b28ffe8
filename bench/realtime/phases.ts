/** What `npm run bench -- realtime` measures, each on a fresh stand. */
import { readFileSync } from 'node:fs';
import { eventually } from '../../test/support/eventually.js';
import type { TestProcess } from '../../test/support/fleet/processes.js';
import { cpuSeconds } from '../measuring/cpu-time.js';
import { median, quantilesOf } from '../measuring/quantiles.js';
import type { Point } from '../reporting/plot.js';
import { startPeer } from './peers.js';
import { Stand, wsUrl } from './stand.js';
import { type Protocol, Swarm } from './swarm.js';

const CONNECTED_WITHIN_MS = 10 * 60_000;
const SENT_WITHIN_MS = 5 * 60_000;
/** Messages that are on their way to the workers at a time, in the phase of throughput. */
const SENDERS = 64;
/** Longer than a gateway needs to send what is left. */
const PLOT_STEP_MS = 250;

const userOf = (client: number) => `u${client}`;

export interface Row {
  name: string;
  value: string;
  goal: string;
}

export interface Sizes {
  idle: number;
  members: number;
  messages: number;
  rounds: number;
  rate: number;
  seconds: number;
  rolling: number;
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

async function connected(swarm: Swarm, count: number): Promise<void> {
  await eventually(() => swarm.live === count, { within: CONNECTED_WITHIN_MS, what: `${count} live clients` });
}

function swarmAt(stand: Stand, gateway: () => TestProcess, count: number, onEvent?: (c: number, t: string) => void) {
  const swarm = new Swarm(
    {
      protocol: 'parley',
      address: () => wsUrl(gateway()),
      token: (client) => stand.token(userOf(client)),
      ...(onEvent === undefined ? {} : { onEvent }),
    },
    count,
  );
  swarm.start();
  return swarm;
}

/** Idle connections, then a killed gateway: all of them come back at once. */
export async function idleAndStorm({ idle }: Sizes): Promise<Row[]> {
  const stand = await Stand.start();
  let gateway = await stand.addGateway();
  const before = residentKb(gateway.pid);
  const swarm = swarmAt(stand, () => gateway, idle);
  try {
    await connected(swarm, idle);
    const each = (residentKb(gateway.pid) - before) / idle;
    await gateway.kill();
    gateway = await stand.addGateway();
    const begun = performance.now();
    await eventually(() => swarm.reconnectedAt.length >= idle && swarm.live === idle, {
      within: CONNECTED_WITHIN_MS,
      what: 'all clients are back',
    });
    const seconds = (Math.max(...swarm.reconnectedAt) - begun) / 1_000;
    const peakMb = residentKb(gateway.pid) / 1_024;
    return [
      { name: `memory per idle connection, of ${idle}`, value: `${each.toFixed(1)} KB`, goal: '25 KB' },
      {
        name: `${idle} clients reconnect at once`,
        value: `${seconds.toFixed(1)} s, ${swarm.refused} × 1013, gateway ${peakMb.toFixed(0)} MB`,
        goal: '45 s, 500 MB',
      },
    ];
  } finally {
    swarm.stop();
    await stand.stop();
  }
}

interface Lane {
  protocol: Protocol;
  pid: number;
  swarm: Swarm;
  /** Sends this many messages to all members. */
  send(count: number): Promise<void>;
}

/** Pushes per second to the members of a large group, in turns with `ws` alone and socket.io. */
export async function throughput({ members, messages, rounds }: Sizes): Promise<Row[]> {
  const stand = await Stand.start();
  const gateway = await stand.addGateway();
  const users = Array.from({ length: members }, (_, client) => userOf(client));
  const chatId = await stand.createGroup(users);
  let frame = '';
  const parley = swarmAt(
    stand,
    () => gateway,
    members,
    (_, text) => {
      frame = text;
    },
  );
  const closing: (() => Promise<void>)[] = [];
  try {
    await connected(parley, members);
    const sendByRest = async (count: number) => {
      let left = count;
      const work = async () => {
        for (; left > 0; ) {
          left -= 1;
          await stand.say(userOf(0), chatId, 'x'.repeat(200));
        }
      };
      await Promise.all(Array.from({ length: SENDERS }, work));
    };
    const lanes: Lane[] = [{ protocol: 'parley', pid: gateway.pid, swarm: parley, send: sendByRest }];
    await sendByRest(1);
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
      const send = async (count: number) => {
        for (let sent = 0; sent < count; sent += 1) peer.send(frame);
      };
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
      median(of('parley', which).map((value, round) => value / (of(protocol, which)[round] ?? 1))).toFixed(2);
    const told = (which: 'perSecond' | 'perCpuSecond') =>
      (['parley', 'ws', 'socket.io'] as const).map((one) => `${one} ${median(of(one, which)).toFixed(0)}`).join(', ');
    return [
      { name: `pushes per second, ${members} members`, value: told('perSecond'), goal: '' },
      { name: 'pushes per processor second of the server', value: told('perCpuSecond'), goal: '' },
      {
        name: '÷ ws alone: by time, by processor',
        value: `${share('ws', 'perSecond')}, ${share('ws', 'perCpuSecond')}`,
        goal: '0.6',
      },
      {
        name: '÷ socket.io: by time, by processor',
        value: `${share('socket.io', 'perSecond')}, ${share('socket.io', 'perCpuSecond')}`,
        goal: '1.5',
      },
    ];
  } finally {
    for (const close of closing) await close();
    parley.stop();
    await stand.stop();
  }
}

/** From the intended time of sending to the frame at each member, in groups of ten, in an open loop. */
export async function latency({ rate, seconds }: Sizes): Promise<Row[]> {
  const GROUP = 10;
  const GROUPS = 30;
  const stand = await Stand.start();
  const gateway = await stand.addGateway();
  const sentAt = new Map<string, number>();
  const delays: number[] = [];
  // Before the clients: a chat that comes later is brought by pages of sync, and so are the first messages in it.
  const chats: string[] = [];
  for (let group = 0; group < GROUPS; group += 1)
    chats.push(await stand.createGroup(Array.from({ length: GROUP }, (_, member) => userOf(group * GROUP + member))));
  const swarm = swarmAt(
    stand,
    () => gateway,
    GROUP * GROUPS,
    (_, text) => {
      const due = sentAt.get(/"body":"(m\d+)"/.exec(text)?.[1] ?? '');
      if (due !== undefined) delays.push(performance.now() - due);
    },
  );
  try {
    await connected(swarm, GROUP * GROUPS);
    const count = rate * seconds;
    const begun = performance.now();
    const answers: Promise<void>[] = [];
    for (let sent = 0; sent < count; sent += 1) {
      const due = begun + (sent * 1_000) / rate;
      const waitMs = due - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const group = sent % GROUPS;
      sentAt.set(`m${sent}`, due);
      answers.push(stand.say(userOf(group * GROUP), chats[group] ?? '', `m${sent}`));
    }
    await Promise.all(answers);
    await eventually(() => delays.length >= count * GROUP, { within: SENT_WITHIN_MS, what: 'all frames' });
    const { p50, p99 } = quantilesOf(delays);
    return [
      {
        name: `REST request due → frame, ${rate}/s, groups of ${GROUP}, p50 / p99`,
        value: `${p50.toFixed(0)} / ${p99.toFixed(0)} ms`,
        goal: '15 / 60 ms over dispatch',
      },
    ];
  } finally {
    swarm.stop();
    await stand.stop();
  }
}

/** Two gateways are replaced one after the other. Returns the number of connected clients over time. */
export async function rollingRestart({ rolling }: Sizes): Promise<{ rows: Row[]; points: Point[] }> {
  const stand = await Stand.start();
  const gateways = [await stand.addGateway(), await stand.addGateway()];
  const isDraining = new Set<number>();
  const swarm = new Swarm(
    {
      protocol: 'parley',
      // A load balancer sends new connections to gateways that are ready.
      address: (client) => {
        const ready = [0, 1].filter((index) => !isDraining.has(index));
        return wsUrl(gateways[ready[client % ready.length] ?? 0] as TestProcess);
      },
      token: (client) => stand.token(userOf(client)),
    },
    rolling,
  );
  const points: Point[] = [];
  swarm.start();
  try {
    await connected(swarm, rolling);
    const begun = performance.now();
    const sample = setInterval(() => {
      const x = (performance.now() - begun) / 1_000;
      points.push({ series: 'connected', x, y: swarm.live });
      points.push({ series: 'reconnected, in total', x, y: swarm.reconnectedAt.length });
    }, PLOT_STEP_MS);
    let lowest = rolling;
    const watch = setInterval(() => {
      lowest = Math.min(lowest, swarm.live);
    }, PLOT_STEP_MS / 10);
    for (const index of [0, 1]) {
      isDraining.add(index);
      await gateways[index]?.stop(60_000);
      gateways[index] = await stand.addGateway();
      isDraining.delete(index);
    }
    await connected(swarm, rolling);
    clearInterval(sample);
    clearInterval(watch);
    const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
    const value = `${seconds} s, ${swarm.reconnectedAt.length} reconnects, at least ${lowest} connected`;
    return { rows: [{ name: `rolling restart of two gateways, ${rolling} clients`, value, goal: '' }], points };
  } finally {
    swarm.stop();
    await stand.stop();
  }
}
