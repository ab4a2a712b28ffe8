/**
 * Commands until their receipts come. A command is sent when the one before it in its chat has its receipt, and sent
 * again, under its id, whenever the receipt is in doubt. So each chat gets its commands in the order of the calls, and
 * each has one effect.
 */
import type { ChatlessCommand, CommandData, CommandType } from '../../contract/messages/commands.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { ClientFrameOf } from '../../contract/realtime/client-frames.js';
import { FAILURE_CODES, REALTIME_LIMITS } from '../../contract/realtime/protocol.js';
import type { ServerFrameOf } from '../../contract/realtime/server-frames.js';
import { CommandFailed, type CommandFailure } from './realtime-error.js';
import { Alarm, type Time } from './time.js';

/** Default. Maximum number of commands without a receipt. */
export const QUEUE_MAX_COMMANDS = 1_000;
/** Default. The same for the bytes of their frames. */
export const QUEUE_MAX_BYTES = 4 * 1024 * 1024;
/** A command without an answer on a connection is sent again after this time. */
export const RECEIPT_RESEND_MS = 30_000;
/** Pause before a command is sent again that the gateway could not submit, unless it names another. */
export const FAILED_RETRY_MS = 1_000;
/** The client keeps this share of the gateway's limit of commands, because their clocks and buckets differ. */
const RATE_SHARE = 0.8;

/** The chat and the data of a command. Commands about users and webhooks have no chat. */
export type RealtimeCommand<T extends CommandType> = T extends ChatlessCommand
  ? { chatId?: never; data: CommandData[T] }
  : { chatId: string; data: CommandData[T] };

export interface CommandOptions {
  /** The idempotency key: 1 to 128 of `A-Z a-z 0-9 . _ ~ : -`. Generated if absent. */
  commandId?: string;
  /** Milliseconds until the command fails with `timeout`, also while offline. Default: no limit. */
  timeoutMs?: number;
}

export interface CommandLimits {
  frameMaxBytes: number;
  commandsPerSecond: number;
  commandBurst: number;
}

interface Waiting {
  id: string;
  lane: string;
  text: string;
  bytes: number;
  wasSent: boolean;
  /** On the present connection, and without an answer. */
  isInFlight: boolean;
  /** Sends it again. */
  retry: Alarm;
  timeout: Alarm;
  resolve(receipt: Receipt): void;
  reject(error: Error): void;
}

export class CommandQueue {
  readonly #waiting = new Map<string, Waiting>();
  /** By chat, in the order of the calls. Only the first of each is sent. */
  readonly #lanes = new Map<string, Waiting[]>();
  readonly #due: Alarm;
  #bytes = 0;
  #isClosed = false;
  #send: ((text: string) => void) | null = null;
  #limits: CommandLimits = REALTIME_LIMITS;
  #tokens = 0;
  #tokensAt = 0;

  constructor(
    private readonly time: Time,
    private readonly maxCommands = QUEUE_MAX_COMMANDS,
    private readonly maxBytes = QUEUE_MAX_BYTES,
  ) {
    this.#due = new Alarm(time);
  }

  /** Commands without a receipt. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Rejects with `CommandFailed`. */
  submit(type: string, chatId: string | undefined, data: unknown, id: string, timeoutMs?: number): Promise<Receipt> {
    const frame: ClientFrameOf<'command'> = {
      t: 'command',
      id,
      type,
      data,
      ...(chatId === undefined ? {} : { chatId }),
    };
    const text = JSON.stringify(frame);
    const bytes = utf8Bytes(text);
    const failed = (code: CommandFailure) => Promise.reject(new CommandFailed(code, id, false));
    if (this.#isClosed) return failed('closed');
    if (this.#waiting.has(id)) return failed('duplicate_id');
    if (bytes > this.#limits.frameMaxBytes) return failed('too_large');
    if (this.#waiting.size >= this.maxCommands || this.#bytes + bytes > this.maxBytes) return failed('queue_full');
    return new Promise((resolve, reject) => {
      const command: Waiting = {
        ...{ id, lane: chatId ?? '', text, bytes, resolve, reject, wasSent: false, isInFlight: false },
        ...{ retry: new Alarm(this.time), timeout: new Alarm(this.time) },
      };
      if (timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY)
        command.timeout.set(timeoutMs, () => this.#fail(command, 'timeout'));
      this.#waiting.set(id, command);
      this.#bytes += bytes;
      const lane = this.#lanes.get(command.lane);
      if (lane === undefined) this.#lanes.set(command.lane, [command]);
      else lane.push(command);
      this.#pump();
    });
  }

  /** The connection is ready. Everything without a receipt is sent (again). */
  connected(send: (text: string) => void, limits: CommandLimits): void {
    this.#send = send;
    this.#limits = limits;
    this.#tokens = this.#burst;
    this.#tokensAt = this.time.now();
    for (const command of this.#waiting.values())
      if (command.bytes > limits.frameMaxBytes) this.#fail(command, 'too_large');
    this.#pump();
  }

  disconnected(): void {
    this.#send = null;
    this.#due.cancel();
    for (const command of this.#waiting.values()) {
      command.isInFlight = false;
      command.retry.cancel();
    }
  }

  received({ id, receipt }: ServerFrameOf<'receipt'>): void {
    const command = this.#waiting.get(id);
    if (command === undefined) return; // The answer to an earlier copy came first.
    this.#remove(command);
    command.resolve(receipt);
    this.#pump();
  }

  failed({ id, code, retryAfterMs, detail }: ServerFrameOf<'failed'>): void {
    const command = this.#waiting.get(id);
    if (command === undefined) return;
    // A later release can have further codes. They are not final, so that no effect is lost.
    if (FAILURE_CODES[code]?.isFinal === true) this.#fail(command, 'too_large', detail);
    else if (command.isInFlight) this.#resend(command, retryAfterMs ?? FAILED_RETRY_MS);
  }

  /** Ends all commands. */
  close(cause?: unknown): void {
    this.#isClosed = true;
    this.disconnected();
    for (const command of [...this.#waiting.values()]) this.#fail(command, 'closed', cause);
  }

  get #burst(): number {
    return Math.max(1, Math.floor(this.#limits.commandBurst * RATE_SHARE));
  }

  /** Sends what may be sent. */
  #pump(): void {
    const send = this.#send;
    if (send === null) return;
    for (const [command] of this.#lanes.values()) {
      if (command === undefined || command.isInFlight) continue;
      const waitMs = this.#takeToken();
      if (waitMs > 0) {
        this.#due.set(waitMs, () => this.#pump());
        return;
      }
      command.isInFlight = true;
      command.wasSent = true;
      this.#resend(command, RECEIPT_RESEND_MS);
      send(command.text);
    }
  }

  #resend(command: Waiting, afterMs: number): void {
    command.retry.set(afterMs, () => {
      command.isInFlight = false;
      this.#pump();
    });
  }

  /** Milliseconds to wait. 0: a command may be sent now, and counts. */
  #takeToken(): number {
    const now = this.time.now();
    const perMs = (this.#limits.commandsPerSecond * RATE_SHARE) / 1_000;
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, now - this.#tokensAt) * perMs);
    this.#tokensAt = now;
    if (this.#tokens < 1) return Math.ceil((1 - this.#tokens) / perMs);
    this.#tokens -= 1;
    return 0;
  }

  #fail(command: Waiting, code: CommandFailure, cause?: unknown): void {
    this.#remove(command);
    const mayHaveEffect = command.wasSent && code !== 'too_large';
    command.reject(new CommandFailed(code, command.id, mayHaveEffect, cause === undefined ? undefined : { cause }));
    this.#pump();
  }

  #remove(command: Waiting): void {
    command.retry.cancel();
    command.timeout.cancel();
    this.#waiting.delete(command.id);
    this.#bytes -= command.bytes;
    const lane = (this.#lanes.get(command.lane) ?? []).filter((other) => other !== command);
    if (lane.length === 0) this.#lanes.delete(command.lane);
    else this.#lanes.set(command.lane, lane);
  }
}

/** Bytes of the text in UTF-8. `TextEncoder` is not everywhere. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

const HEX = 16;

/** A random UUID (version 4). React Native and pages without TLS have no `crypto.randomUUID`. */
export function randomId(): string {
  const crypto = (globalThis as { crypto?: { randomUUID?(): string; getRandomValues?(into: Uint8Array): void } })
    .crypto;
  if (crypto?.randomUUID !== undefined) return crypto.randomUUID();
  const bytes = Uint8Array.from({ length: 16 }, () => Math.floor(Math.random() * 256));
  crypto?.getRandomValues?.(bytes);
  const digits = [...bytes].map((byte) => byte.toString(HEX).padStart(2, '0')).join('');
  const variant = ((Number.parseInt(digits[16] ?? '0', HEX) & 0x3) | 0x8).toString(HEX);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
}
