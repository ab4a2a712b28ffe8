import type { WebhookAnswer, WebhookRequest, WebhookSender } from '../../../application/ports/webhook-sender.js';
import { AddressRules } from '../../../infrastructure/http/address-rules.js';
import { GuardedRequests } from '../../../infrastructure/http/guarded-request.js';

export interface HttpWebhookSenderOptions {
  /** Private networks that endpoints may be in. */
  privateNetworks: readonly string[];
  /** Ports of endpoints. Null: all. */
  ports: readonly number[] | null;
  /** For one request. */
  timeoutMs: number;
}

const USER_AGENT = 'Parley-Webhooks/1';

/** Sends deliveries over HTTP, never into networks that are not permitted. */
export class HttpWebhookSender implements WebhookSender {
  private readonly requests: GuardedRequests;

  constructor({ privateNetworks, ports, timeoutMs }: HttpWebhookSenderOptions) {
    this.requests = new GuardedRequests({ addresses: new AddressRules(privateNetworks), ports, timeoutMs });
  }

  async send({ url, headers, body }: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
    const answer = await this.requests.post(new URL(url), { ...headers, 'user-agent': USER_AGENT }, body, signal);
    if (answer.outcome === 'failed') return { outcome: 'unreachable', code: answer.code };
    return { outcome: 'answered', status: answer.status, retryAfterMs: delayOf(answer.retryAfter) };
  }

  close(): void {
    this.requests.close();
  }
}

/** `Retry-After`: seconds or a date (RFC 9110, section 10.2.3). Null for anything else. */
export function delayOf(retryAfter: string | null, now = Date.now()): number | null {
  if (retryAfter === null) return null;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  const at = /^[A-Z][a-z]{2}, /.test(retryAfter) ? Date.parse(retryAfter) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
