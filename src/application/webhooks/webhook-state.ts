import type { WebhookStatus } from '../ports/store/webhooks.js';

/** One word for what stands between an event and the endpoint; the first that applies. */
export type WebhookState = 'disabled' | 'gone' | 'paused' | 'no-secret' | 'failing' | 'active';

export function stateOf({ webhook, state, secrets }: WebhookStatus): WebhookState {
  if (!webhook.isEnabled) return 'disabled';
  if (state.isGone) return 'gone';
  if (state.isPaused) return 'paused';
  if (secrets === 0) return 'no-secret';
  return state.failures > 0 || state.notBefore !== null ? 'failing' : 'active';
}
