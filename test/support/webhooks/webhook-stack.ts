/** A worker, the API and a relay with webhooks, as processes on the run's services. */
import { v4 } from 'uuid';
import type { RestDelivery, RestWebhook } from '../../../src/contract/rest/webhook-operations.js';
import { RestStack } from '../../integration/stack/rest/rest-stack.js';
import { eventually } from '../eventually.js';
import { makesKind } from '../fleet/made-kind.js';
import type { TestProcess } from '../fleet/processes.js';
import { Endpoint } from './endpoint.js';

export const WITHIN_MS = 30_000;
/** The service that manages webhooks. */
export const CONSOLE = { as: 'console' };

/** Retries in milliseconds instead of minutes. */
export const FAST_RETRIES = {
  WEBHOOKS: 'on',
  REST_RATE_LIMIT: '100000',
  WEBHOOK_PORTS: 'any',
  WEBHOOK_PRIVATE_NETWORKS: '127.0.0.0/8',
  WEBHOOK_RETRY_DELAYS: '50ms,100ms,150ms,200ms',
  WEBHOOK_PROBE_INTERVAL: '200ms',
};

export class WebhookStack {
  private readonly endpoints: Endpoint[] = [];

  private constructor(readonly rest: RestStack) {}

  static async create(env: Record<string, string> = {}): Promise<WebhookStack> {
    const rest = await RestStack.create({ ...FAST_RETRIES, ...env });
    const stack = new WebhookStack(rest);
    try {
      await rest.run('worker', 'api');
      await stack.makeKind('console', 'service');
      return stack;
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  startRelay(env: Record<string, string> = {}): Promise<TestProcess> {
    return this.rest.runWith(env, 'relay');
  }

  /** As a directory would. */
  async makeKind(userId: string, kind: 'service' | 'bot'): Promise<void> {
    await this.rest.fleet.query(makesKind(userId, kind));
  }

  async endpoint(): Promise<Endpoint> {
    const endpoint = await Endpoint.start();
    this.endpoints.push(endpoint);
    return endpoint;
  }

  /** A webhook of that endpoint, with a secret. Resolves once the relay may know it. */
  async webhook(endpoint: Endpoint, data: object = {}): Promise<string> {
    const webhookId = v4();
    const put = await this.rest.put(`/v1/webhooks/${webhookId}`, { url: endpoint.url, ...data }, CONSOLE);
    if (put.status !== 201) throw new Error(`webhook not created: ${JSON.stringify(put.body)}`);
    await this.newSecret(webhookId, endpoint);
    return webhookId;
  }

  async newSecret(webhookId: string, endpoint: Endpoint, overlapSeconds = 60): Promise<void> {
    const { status, body } = await this.rest.post(`/v1/webhooks/${webhookId}/secrets`, { overlapSeconds }, CONSOLE);
    if (status !== 201) throw new Error(`secret not made: ${JSON.stringify(body)}`);
    endpoint.secrets.push(body.secret);
  }

  async state(webhookId: string): Promise<RestWebhook> {
    return (await this.rest.get(`/v1/webhooks/${webhookId}`, CONSOLE)).body;
  }

  async deliveries(webhookId: string, state: 'waiting' | 'parked'): Promise<RestDelivery[]> {
    return (await this.rest.get(`/v1/webhooks/${webhookId}/deliveries?state=${state}`, CONSOLE)).body.items;
  }

  /** Waits until nothing waits for the webhook, and the relay has read the whole log. */
  async drained(webhookId: string, within = WITHIN_MS): Promise<void> {
    await eventually(
      async () => {
        const behind = await this.rest.fleet.query(
          `SELECT 1 FROM partitions p LEFT JOIN event_cursors c ON c.name = 'webhooks' AND c.partition = p.partition
           WHERE c.position IS NULL OR c.position < p.position`,
        );
        const { waiting, hasBacklog } = await this.state(webhookId);
        return behind.length === 0 && waiting === 0 && !hasBacklog;
      },
      { within, what: `everything is delivered to ${webhookId}` },
    );
  }

  async close(): Promise<void> {
    await this.rest.close();
    await Promise.all(this.endpoints.map((endpoint) => endpoint.kill().catch(() => undefined)));
  }
}

/** The sequences of a chat's events, in the order in which the endpoint took them. */
export function sequencesOf(ids: readonly string[], chatId: string): number[] {
  return ids.filter((id) => id.startsWith(`${chatId}/`)).map((id) => Number(id.split('/')[1]));
}

/** What is wrong with the deliveries of a chat that has events 1 to `last`: first copies in order, none missing. */
export function faultsOfChat(ids: readonly string[], chatId: string, last: number, first = 1): string[] {
  const seen = new Set<number>();
  let highest = first - 1;
  const faults: string[] = [];
  for (const sequence of sequencesOf(ids, chatId)) {
    if (!seen.has(sequence) && sequence !== highest + 1) faults.push(`${chatId}: ${sequence} came after ${highest}`);
    seen.add(sequence);
    highest = Math.max(highest, sequence);
  }
  for (let sequence = first; sequence <= last; sequence += 1)
    if (!seen.has(sequence)) faults.push(`${chatId}: ${sequence} is missing`);
  return faults;
}
