/**
 * Commands until their receipts come. They are kept over a reload, and sent again under their ids, so that each has one
 * effect.
 */
import type { CommandData, CommandType, Reason, Receipt } from '@parley-chat/client/contract';
import { CommandFailed, type RealtimeClient, type RealtimeCommand } from '@parley-chat/client/realtime';
import { signal } from '@preact/signals';

export interface Outgoing<T extends CommandType = CommandType> {
  commandId: string;
  type: T;
  chatId: string;
  data: CommandData[T];
  at: string;
  /** Accepted: waits for its event with this sequence. */
  sequence?: number;
  /** Refused, or not sent. */
  failure?: Pick<Reason, 'title' | 'detail'> & { decisionId: string | null };
}

export interface OutboxHandlers {
  onAccepted(command: Outgoing, receipt: Receipt): void;
  /** A command other than a message was refused. */
  onRefused(command: Outgoing): void;
}

export class Outbox {
  /** In the order of the calls. */
  readonly items = signal<readonly Outgoing[]>([]);

  constructor(
    private readonly shelf: Storage,
    private readonly key: string,
    private readonly handlers: OutboxHandlers,
  ) {
    this.items.value = read(shelf, key);
  }

  /** Sends what an earlier page has left. */
  start(client: RealtimeClient): void {
    for (const item of this.items.value) if (item.failure === undefined) void this.#send(client, item);
  }

  submit<T extends CommandType>(client: RealtimeClient, type: T, chatId: string, data: CommandData[T]): void {
    const item = { commandId: newId(), type, chatId, data, at: new Date().toISOString() };
    this.#set([...this.items.value, item]);
    void this.#send(client, item);
  }

  remove(commandId: string): void {
    if (this.items.value.some((item) => item.commandId === commandId))
      this.#set(this.items.value.filter((item) => item.commandId !== commandId));
  }

  /** Removes the messages whose events are here. `lastSequence`: undefined if there is no such chat (any more). */
  settle(chatId: string, lastSequence: number | undefined): void {
    const isDone = ({ chatId: ofChat, sequence }: Outgoing) =>
      ofChat === chatId && sequence !== undefined && (lastSequence === undefined || sequence <= lastSequence);
    if (this.items.value.some(isDone)) this.#set(this.items.value.filter((item) => !isDone(item)));
  }

  clear(): void {
    this.#set([]);
  }

  async #send(client: RealtimeClient, item: Outgoing): Promise<void> {
    const { commandId, type, chatId, data } = item;
    try {
      const command = { chatId, data } as RealtimeCommand<CommandType>;
      const receipt = await client.send(type, command, { commandId });
      if (receipt.status === 'accepted') this.#accepted(item, receipt);
      else
        this.#failed(item, {
          title: receipt.reason?.title ?? 'Refused',
          detail: detailOf(receipt.reason),
          decisionId: receipt.decisionId,
        });
    } catch (error) {
      // `closed`: the page goes, and the next one sends it again.
      if (!(error instanceof CommandFailed) || error.code === 'closed') return;
      const title = error.code === 'too_large' ? 'The message is too large' : 'Too much waits to be sent';
      this.#failed(item, { title, detail: '', decisionId: null });
    }
  }

  #accepted(item: Outgoing, receipt: Receipt): void {
    const isShown = item.type === 'message.send' && receipt.sequence !== null;
    if (isShown) this.#change(item.commandId, { sequence: receipt.sequence ?? 0 });
    else this.remove(item.commandId);
    this.handlers.onAccepted(item, receipt);
  }

  #failed(item: Outgoing, failure: NonNullable<Outgoing['failure']>): void {
    if (item.type === 'message.send') this.#change(item.commandId, { failure });
    else {
      this.remove(item.commandId);
      this.handlers.onRefused({ ...item, failure });
    }
  }

  #change(commandId: string, change: Partial<Outgoing>): void {
    this.#set(this.items.value.map((item) => (item.commandId === commandId ? { ...item, ...change } : item)));
  }

  #set(items: readonly Outgoing[]): void {
    this.items.value = items;
    try {
      if (items.length === 0) this.shelf.removeItem(this.key);
      else this.shelf.setItem(this.key, JSON.stringify(items));
    } catch {
      // No room: they are sent all the same, unless the page is closed before.
    }
  }
}

function read(shelf: Storage, key: string): Outgoing[] {
  try {
    return JSON.parse(shelf.getItem(key) ?? '[]') as Outgoing[];
  } catch {
    return [];
  }
}

function detailOf(reason: Reason | undefined): string {
  const faults = (reason?.violations ?? []).map(({ path, message }) => `${path.replace(/^data\./, '')} ${message}`);
  const wait = reason?.retryAfter === undefined ? '' : `Try again in ${Math.ceil(reason.retryAfter)} s.`;
  return [reason?.detail ?? '', ...faults, wait].filter((text) => text !== '').join('; ');
}

/** Pages without TLS have no `crypto.randomUUID`, except on this machine. */
export function newId(): string {
  if ('randomUUID' in crypto) return crypto.randomUUID();
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
