/** What the gateway must know of this device, and forgets with each connection: it is sent again after a reconnect. */
import type { ClientFrame } from '../../contract/realtime/client-frames.js';
import { REALTIME_LIMITS } from '../../contract/realtime/protocol.js';
import { RealtimeError } from './realtime-error.js';
import type { Time } from './time.js';

/** `active` is sent at most once in this time. */
export const ACTIVE_INTERVAL_MS = 60_000;

export class DeviceState {
  /** In the order in which they were opened. */
  readonly #open = new Set<string>();
  /**
   * Chats in which the user types, or has just stopped: when it was said, when it was last sent, and whether others see
   * it. A gateway passes it on at most once in 5 s, also if it has ended meanwhile, and drops what comes earlier.
   */
  readonly #typing = new Map<string, { at: number | null; sentAt: number; isShown: boolean }>();
  #watched: string[] = [];
  #activeAt = Number.NEGATIVE_INFINITY;
  #activeSentAt = Number.NEGATIVE_INFINITY;
  #send: ((frame: ClientFrame) => void) | null = null;
  #limits: { openMax: number; watchMax: number } = REALTIME_LIMITS;

  constructor(private readonly time: Time) {}

  connected(send: (frame: ClientFrame) => void, limits: { openMax: number; watchMax: number }): void {
    this.#send = send;
    this.#limits = limits;
    const now = this.time.now();
    // A gateway may allow less than the one before. The latest ones are on screen.
    for (const chatId of [...this.#open].slice(-limits.openMax)) send({ t: 'open', chatId });
    if (this.#watched.length > 0) send({ t: 'watch', userIds: this.#watched.slice(0, limits.watchMax) });
    for (const [chatId, said] of this.#typing)
      if (said.at !== null && now - said.at < REALTIME_LIMITS.typingTimeoutMs) {
        Object.assign(said, { sentAt: now, isShown: true });
        send({ t: 'typing', chatId, on: true });
      } else this.#typing.delete(chatId);
    if (now - this.#activeAt < REALTIME_LIMITS.awayAfterMs) {
      this.#activeSentAt = now;
      send({ t: 'active' });
    }
  }

  disconnected(): void {
    this.#send = null;
  }

  open(chatId: string): void {
    if (this.#open.has(chatId)) return;
    if (this.#open.size >= this.#limits.openMax)
      throw new RealtimeError('limit', `at most ${this.#limits.openMax} chats can be open`);
    this.#open.add(chatId);
    this.#send?.({ t: 'open', chatId });
  }

  close(chatId: string): void {
    if (this.#open.delete(chatId)) this.#send?.({ t: 'close', chatId });
    const said = this.#typing.get(chatId);
    if (said !== undefined) Object.assign(said, { at: null, isShown: false });
  }

  typing(chatId: string, on: boolean): void {
    const now = this.time.now();
    const { sentAt, isShown } = this.#typing.get(chatId) ?? { sentAt: Number.NEGATIVE_INFINITY, isShown: false };
    if (!on && !this.#typing.has(chatId)) return;
    const isSent = this.#send !== null && (on ? now - sentAt >= REALTIME_LIMITS.typingIntervalMs : isShown);
    if (isSent) this.#send?.({ t: 'typing', chatId, on });
    this.#typing.delete(chatId);
    this.#typing.set(chatId, {
      at: on ? now : null,
      sentAt: on && isSent ? now : sentAt,
      isShown: on && (isSent || isShown),
    });
    const [oldest] = this.#typing.keys();
    if (this.#typing.size > REALTIME_LIMITS.openMax && oldest !== undefined) this.#typing.delete(oldest);
  }

  watch(userIds: readonly string[]): void {
    const distinct = [...new Set(userIds)];
    if (distinct.length > this.#limits.watchMax)
      throw new RealtimeError('limit', `at most ${this.#limits.watchMax} users can be watched`);
    this.#watched = distinct;
    this.#send?.({ t: 'watch', userIds: distinct });
  }

  active(): void {
    const now = this.time.now();
    this.#activeAt = now;
    if (this.#send === null || now - this.#activeSentAt < ACTIVE_INTERVAL_MS) return;
    this.#activeSentAt = now;
    this.#send({ t: 'active' });
  }
}
