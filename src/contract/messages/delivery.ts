/** What arrives at a partition's queue, before the contract has read it: hostile until parsed. */
export interface IncomingCommand {
  body: Uint8Array;
  /** The routing key it was published with: by contract the chat id. */
  routingKey: string;
  type?: string | undefined;
  messageId?: string | undefined;
  contentType?: string | undefined;
  contentEncoding?: string | undefined;
  replyTo?: string | undefined;
  correlationId?: string | undefined;
  appId?: string | undefined;
  userId?: string | undefined;
  priority?: number | undefined;
  headers: Readonly<Record<string, unknown>>;
}
