/** The settings of webhooks, which the role `relay` reads. */
import { variable } from '../../../infrastructure/config/config.js';
import { duration, integer, oneOf } from '../../../infrastructure/config/config-values.js';
import { parseNetwork } from '../../../infrastructure/http/address-rules.js';

const HIGHEST_PORT = 65_535;
const FIRST_DELAY_MAX_MS = 24 * 3_600_000;

function networks(value: string): string[] {
  const list = value.split(',').map((network) => network.trim());
  for (const network of list) parseNetwork(network);
  return list;
}

function portList(value: string): number[] | null {
  if (value === 'any') return null;
  return value.split(',').map((part) => {
    const port = /^\d{1,5}$/.test(part.trim()) ? Number(part) : Number.NaN;
    if (!(port >= 1 && port <= HIGHEST_PORT)) throw new Error('must be ports such as 443,8443, or any');
    return port;
  });
}

function delays(value: string): number[] {
  const parse = duration({ min: 1, max: 7 * FIRST_DELAY_MAX_MS });
  return value.split(',').map((part) => {
    try {
      return parse(part.trim());
    } catch {
      throw new Error('must be durations such as 5s,30s,2m,10m');
    }
  });
}

export const webhookVariables = {
  webhooks: variable({
    name: 'WEBHOOKS',
    parse: oneOf('on', 'off'),
    describe: 'Whether the relay sends events to webhooks. If unset: off',
  }),
  webhookTimeoutMs: variable({
    name: 'WEBHOOK_TIMEOUT',
    parse: duration({ min: 100, max: 60_000 }),
    default: '15s',
    describe: 'Maximum time of one request to a webhook',
  }),
  webhookConcurrency: variable({
    name: 'WEBHOOK_CONCURRENCY',
    parse: integer({ min: 1, max: 64 }),
    default: '4',
    describe: 'Maximum number of concurrent requests to one webhook, per relay; they are for different chats',
  }),
  webhookPorts: variable({
    name: 'WEBHOOK_PORTS',
    parse: portList,
    default: '443',
    describe: 'Ports of webhooks: 443,8443, or any',
  }),
  webhookPrivateNetworks: variable({
    name: 'WEBHOOK_PRIVATE_NETWORKS',
    parse: networks,
    describe:
      'Private networks that webhooks may be in, also without TLS: 10.0.0.0/8,fd00::/8. If unset: only public addresses, with https',
  }),
  webhookRetryDelaysMs: variable({
    name: 'WEBHOOK_RETRY_DELAYS',
    parse: delays,
    default: '5s,30s,2m,10m,1h,3h,8h,24h',
    describe: 'Delays after the first, second … failed attempt to deliver an event to a webhook',
  }),
  webhookProbeIntervalMs: variable({
    name: 'WEBHOOK_PROBE_INTERVAL',
    parse: duration({ min: 10, max: FIRST_DELAY_MAX_MS }),
    default: '1h',
    describe: 'How often a webhook that is down is tried, after the first delays',
  }),
};
