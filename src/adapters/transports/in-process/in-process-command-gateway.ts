import { randomUUID } from 'node:crypto';
import {
  type CommandGateway,
  type OutgoingCommand,
  REST_APP_ID,
  type ReceiptSender,
} from '../../../application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../contract/messages/delivery.js';
import type { Receipt } from '../../../contract/messages/receipts.js';

/** The only reply address: that of the gateway. */
const GATEWAY_ADDRESS = 'in-process.gateway';

/** Both ends of a request: it submits the command and gets its receipt. */
export class InProcessCommandGateway implements CommandGateway, ReceiptSender {
  readonly #publish: (incoming: IncomingCommand) => void;
  /** By correlation id. */
  readonly #requests = new Map<string, (receipt: Receipt | null) => void>();
  #ignored = 0;

  /** `publish` throws `CommandUnavailable` if the command is not accepted. */
  constructor(publish: (incoming: IncomingCommand) => void) {
    this.#publish = publish;
  }

  /** The number of receipts for other addresses. */
  get ignored(): number {
    return this.#ignored;
  }

  async request(command: OutgoingCommand, waitMs: number): Promise<Receipt | null> {
    const correlationId = randomUUID();
    this.#publish(toIncoming(command, correlationId));
    return new Promise((resolve) => {
      const answer = (receipt: Receipt | null) => {
        clearTimeout(timer);
        this.#requests.delete(correlationId);
        resolve(receipt);
      };
      const timer = setTimeout(() => answer(null), waitMs);
      this.#requests.set(correlationId, answer);
    });
  }

  send(replyTo: string, correlationId: string, receipt: Receipt): void {
    if (replyTo === GATEWAY_ADDRESS) this.#requests.get(correlationId)?.(receipt);
    else this.#ignored += 1;
  }

  /** Pending requests end as if they had timed out. */
  close(): void {
    for (const answer of [...this.#requests.values()]) answer(null);
  }
}

function toIncoming(command: OutgoingCommand, correlationId: string): IncomingCommand {
  const headers: Record<string, string> = {};
  if (command.authorization !== null) headers.authorization = command.authorization;
  if (command.traceparent !== null) headers.traceparent = command.traceparent;
  if (command.tracestate !== null) headers.tracestate = command.tracestate;
  return {
    body: command.body,
    routingKey: command.routingKey,
    type: command.type,
    messageId: command.commandId,
    appId: REST_APP_ID,
    contentType: 'application/json',
    replyTo: GATEWAY_ADDRESS,
    correlationId,
    headers,
  };
}
