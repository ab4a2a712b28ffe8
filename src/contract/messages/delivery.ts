/** A message from a partition's queue before decoding. Its content is untrusted. */
export interface IncomingCommand {
  body: Uint8Array;
  /** The routing key of the message: by contract the chat id. */
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
