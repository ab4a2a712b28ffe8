import { setTimeout as sleep } from 'node:timers/promises';
import { type Conversation, joiningOf, messages, userName } from './conversations.js';
import { DeliveryLedger } from './delivery-ledger.js';
import { Session } from './session.js';

/** If no delivery arrives for this long, the node counts as dead or the messages as lost. */
const STALL_LIMIT_MS = 30_000;
const POLL_INTERVAL_MS = 20;
/** Number of clients that log in or enter their rooms concurrently. */
const AT_ONCE = 20;
/** Number of deliveries between two reports of the progress. */
const PROGRESS_EVERY = 100;

export interface LoadOptions {
  clients: number;
  conversations: readonly Conversation[];
  inRooms: boolean;
  /** Whether conversations are picked by Zipf 1.0 instead of uniformly. */
  isZipf: boolean;
  inFlight: number;
}

/** Clients that are all online, and a closed loop: a fixed number of messages is in flight until their delivery. */
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

  /**
   * Sends `count` messages whose ids begin with the unique `prefix`, and waits until all are delivered or none has
   * arrived for too long.
   */
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

/** The first client creates the room before the second one enters it. */
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

/** Calls `act` for each client, a limited number of them concurrently. */
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
