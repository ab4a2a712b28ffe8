/** Sends one request to an endpoint of a webhook. */

export interface WebhookRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

export type WebhookAnswer =
  /** Redirects are not followed: they are answers like others. */
  | { outcome: 'answered'; status: number; retryAfterMs: number | null }
  /** `code`: 1 to 64 of a–z, 0–9 and `-`, such as `connection-refused`. It contains nothing of the request. */
  | { outcome: 'unreachable'; code: string };

export interface WebhookSender {
  /** Never rejects. Takes at most the time limit of the sender. `signal` ends the request. */
  send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer>;
  /** Closes idle connections. */
  close(): void;
}
