/** A REST side that listens, on the in-memory store, and its client. */

import { createNoopMeter } from '@opentelemetry/api';
import { type ApiDependencies, createApi } from '../../../../src/adapters/apis/http/api.js';
import { API_DEFAULTS, type ApiSettings } from '../../../../src/adapters/apis/http/api-settings.js';
import { RestServer } from '../../../../src/adapters/apis/http/rest-server.js';
import { JwtTokenVerifier } from '../../../../src/adapters/auth/jwt-token-verifier.js';
import { MemoryCallerLimiter } from '../../../../src/adapters/quotas/memory-caller-limiter.js';
import { MemoryApiKeys } from '../../../../src/adapters/stores/memory/memory-api-keys.js';
import { MemoryDecisionLog } from '../../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryEventLog } from '../../../../src/adapters/stores/memory/memory-event-log.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { MemoryChatHistory } from '../../../../src/adapters/stores/memory/queries/memory-chat-history.js';
import { MemoryChatQueries } from '../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { MemoryMessageSearch } from '../../../../src/adapters/stores/memory/queries/memory-message-search.js';
import { MemorySyncLog } from '../../../../src/adapters/stores/memory/queries/memory-sync-log.js';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { JwtVerifier } from '../../../../src/infrastructure/jwt.js';
import type { LogFields, Logger } from '../../../../src/infrastructure/logging/logger.js';
import { documentOf } from '../../../../src/main/policy/policy-file.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import { DecidingGateway } from './deciding-gateway.js';
import { RestClient, SECRET } from './rest-client.js';

export interface LogLine {
  level: keyof Logger;
  message: string;
  fields: LogFields;
}

export interface RestOverrides extends Partial<Omit<ApiDependencies, 'settings'>> {
  settings?: Partial<ApiSettings>;
  /** How many requests a caller may make. */
  limits?: { requests: number; windowSeconds: number };
}

const REQUEST_LIMITS = { requests: 1_000, windowSeconds: 10 };

export class RestHarness extends RestClient {
  readonly world = new MemoryTables();
  readonly gateway = new DecidingGateway(this.world);
  readonly lines: LogLine[] = [];
  readonly server: RestServer;

  constructor({ limits = REQUEST_LIMITS, ...overrides }: RestOverrides = {}, closeTimeoutMs?: number) {
    super();
    const line =
      (level: keyof Logger) =>
      (message: string, fields: LogFields = {}) => {
        this.lines.push({ level, message, fields });
      };
    const logger: Logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
    const app = createApi({
      queries: new MemoryChatQueries(this.world),
      history: new MemoryChatHistory(this.world),
      search: new MemoryMessageSearch(this.world),
      syncLog: new MemorySyncLog(this.world),
      policy: new PolicyEnforcementPoint(defaultPolicy()),
      decisions: new MemoryDecisionLog(this.world),
      readPolicy: documentOf,
      apiKeys: new MemoryApiKeys(this.world),
      webhooks: null,
      log: new MemoryEventLog(this.world),
      gateway: this.gateway,
      limiter: new MemoryCallerLimiter(limits),
      verifier: new JwtTokenVerifier(new JwtVerifier({ keys: { secret: SECRET } })),
      cursorSecret: 'signs cursors',
      storeId: this.world.storeId,
      health: () => ({ ok: true, dependencies: { store: { ok: true } } }),
      logger,
      meter: createNoopMeter(),
      ...overrides,
      settings: { ...API_DEFAULTS, ...overrides.settings },
    });
    const options = { port: 0, host: '127.0.0.1', ...(closeTimeoutMs === undefined ? {} : { closeTimeoutMs }) };
    this.server = new RestServer(app, options, logger);
  }

  async start(): Promise<this> {
    await this.server.start();
    return this;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }
}
