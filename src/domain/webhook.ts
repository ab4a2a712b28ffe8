import type { ChatKind } from './chat.js';

/** An endpoint of a tenant, to which events are sent over HTTP. Its secrets are not part of it. */
export interface Webhook {
  tenantId: string;
  webhookId: string;
  url: string;
  /** Null: all types. */
  eventTypes: string[] | null;
  /** Null: all chats. At most one of `chatIds` and `chatKinds` is set. */
  chatIds: string[] | null;
  chatKinds: ChatKind[] | null;
  /** Only events that have a recipient without a live connection. */
  offlineOnly: boolean;
  isEnabled: boolean;
  /** 1, 2, 3 …; begins again if the webhook is deleted and created again. */
  revision: number;
  createdAt: Date;
  updatedAt: Date;
}

/** Maximum number of webhooks of one tenant. */
export const WEBHOOKS_PER_TENANT_MAX = 50;

/** What an event tells about a webhook. */
export type PublishedWebhook = Omit<Webhook, 'tenantId' | 'createdAt' | 'updatedAt'>;
