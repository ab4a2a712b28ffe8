import { setTimeout as sleep } from 'node:timers/promises';
import { type Conversation, joiningOf, messages, userName } from './conversations.js';
import { DeliveryLedger } from './delivery-ledger.js';
import { Session } from './session.js';

/** A node that delivers nothing for so long is taken for dead, or the message for lost. */
const STALL_LIMIT_MS = 30_000;
const POLL_INTERVAL_MS = 20;
/** Clients that log in, or enter their rooms, at the same time. */
const AT_ONCE = 20;
/** Deliveries. */
const PROGRESS_EVERY = 100;

export interface LoadOptions {
  clients: number;
  conversations: readonly Conversation[];
  inRooms: boolean;
  /** Conversations by Zipf 1.0, not all alike. */
  isZipf: boolean;
  inFlight: number;
}

/** Clients that are all online, and a closed loop: so many messages are kept on their way, each until its receiver has it. */
export class Load {
  private ledger = new DeliveryLedger();
  private onDelivery: () => void = () => undefined;

  private constructor(
    private readonly options: LoadOptions,
    private readonly sessions: readonly Session[],
    private readonly stopping: AbortSignal,
  ) {
    for (const [client, session] of sessions.entries())
      session.onStanza = (stanza) => {
        this.ledger.take(client, stanza);
        this.onDelivery();
      };
  }

  static async open(port: number, password: string, options: LoadOptions, stopping: AbortSignal): Promise<Load> {
    const sessions: Session[] = [];
    try {
      await inTurns(options.clients, stopping, async (client) => {
        sessions[client] = await Session.open(port, userName(client), password);
      });
      if (options.inRooms) await enterRooms(options.conversations, sessions, stopping);
      return new Load(options, sessions, stopping);
    } catch (error) {
      await Promise.all(sessions.map((session) => session?.close()));
      throw error;
    }
  }

  /** Sends so many, their ids beginning with `prefix` as no others do, and waits until all have come or nothing comes any more. */
  async run(count: number, prefix: string, progress: (delivered: number) => void): Promise<DeliveryLedger> {
    const { conversations, inRooms, isZipf, inFlight } = this.options;
    const ledger = new DeliveryLedger();
    this.ledger = ledger;
    const all = messages(conversations, { count, prefix, isZipf, inRooms });
    const fill = () => {
      while (ledger.inFlight < inFlight) {
        const next = all.next();
        if (next.done) return;
        const { id, sender, receiver, stanza } = next.value;
        ledger.sending(id, receiver);
        this.sessions[sender]?.write(stanza);
      }
    };
    let movedAt = performance.now();
    let settled = 0;
    this.onDelivery = () => {
      const now = ledger.delivered + ledger.refused;
      if (now === settled) return;
      settled = now;
      movedAt = performance.now();
      if (settled % PROGRESS_EVERY === 0) progress(settled);
      fill();
    };
    fill();
    while (settled < count && performance.now() - movedAt < STALL_LIMIT_MS) {
      this.stopping.throwIfAborted();
      const lost = this.sessions.find((session) => session.lost !== undefined)?.lost;
      if (lost !== undefined) throw lost;
      await sleep(POLL_INTERVAL_MS);
    }
    return ledger;
  }

  async stop(): Promise<void> {
    await Promise.all(this.sessions.map((session) => session.close()));
  }
}

/** The first of the two makes the room: it is there before the second comes. */
async function enterRooms(
  conversations: readonly Conversation[],
  sessions: readonly Session[],
  stopping: AbortSignal,
): Promise<void> {
  for (const place of [0, 1] as const) {
    await inTurns(sessions.length, stopping, async (client) => {
      for (const room of conversations.filter(({ members }) => members[place] === client)) {
        const isIn = (stanza: string) => stanza.startsWith('<presence') && stanza.includes("code='110'");
        await sessions[client]?.ask(joiningOf(room, client), isIn);
      }
    });
  }
}

/** Does it for each client, some of them at the same time. */
async function inTurns(clients: number, stopping: AbortSignal, act: (client: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < clients) {
      stopping.throwIfAborted();
      const client = next;
      next += 1;
      await act(client);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
