/** A REST side that listens, on the in-memory store, and a client that holds every answer against the OpenAPI document. */

import { type ApiDependencies, createApi } from '../../../src/adapters/http/api.js';
import { API_DEFAULTS, type ApiSettings } from '../../../src/adapters/http/api-settings.js';
import { RestServer } from '../../../src/adapters/http/rest-server.js';
import { JwtActorProof } from '../../../src/adapters/jwt/actor-proof.js';
import { MemoryChatQueries } from '../../../src/adapters/memory/memory-chat-queries.js';
import { MemoryEventLog } from '../../../src/adapters/memory/memory-event-log.js';
import { MemoryWorld } from '../../../src/adapters/memory/memory-world.js';
import { JwtVerifier, signToken } from '../../../src/infrastructure/jwt.js';
import type { LogFields, Logger } from '../../../src/infrastructure/logger.js';
import { DecidingDoor } from './deciding-door.js';
import { assertDocumented } from './documented-answers.js';

export const SECRET = 'a secret of more than thirty-two bytes, for tests';
export const TOKEN_TTL_SECONDS = 60;

export interface LogLine {
  level: keyof Logger;
  message: string;
  fields: LogFields;
}

export interface RestAnswer {
  status: number;
  headers: Headers;
  // Whatever the answer holds: each test says what it expects there.
  // biome-ignore lint/suspicious/noExplicitAny: JSON under test
  body: any;
}

export interface RestRequest {
  /** Whose token to send, as `user` or `tenant/user`; none where null. */
  as?: string | null;
  token?: string;
  json?: unknown;
  /** A body as it is, instead of `json`. */
  raw?: string | Uint8Array;
  headers?: Record<string, string>;
}

export interface RestOverrides extends Partial<Omit<ApiDependencies, 'settings'>> {
  settings?: Partial<ApiSettings>;
}

export class RestHarness {
  readonly world = new MemoryWorld();
  readonly door = new DecidingDoor(this.world);
  readonly lines: LogLine[] = [];
  readonly server: RestServer;

  constructor(overrides: RestOverrides = {}, closeTimeoutMs?: number) {
    const line =
      (level: keyof Logger) =>
      (message: string, fields: LogFields = {}) => {
        this.lines.push({ level, message, fields });
      };
    const logger: Logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
    const app = createApi({
      queries: new MemoryChatQueries(this.world),
      log: new MemoryEventLog(this.world),
      door: this.door,
      verifier: new JwtActorProof(new JwtVerifier({ keys: { secret: SECRET } })),
      cursorSecret: 'signs cursors',
      storeId: this.world.storeId,
      health: () => ({ ok: true, dependencies: { store: { ok: true } } }),
      logger,
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

  async call(method: string, path: string, { as = 'alice', token, json, raw, headers = {} }: RestRequest = {}) {
    const bearer = token ?? (as === null ? undefined : await tokenFor(as));
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json));
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const contentType = response.headers.get('content-type') ?? '';
    const answer: RestAnswer = {
      status: response.status,
      headers: response.headers,
      body: contentType.includes('json') && text !== '' ? JSON.parse(text) : text,
    };
    if (method !== 'HEAD' && method !== 'OPTIONS')
      assertDocumented(method, path, response.status, contentType, answer.body);
    return answer;
  }

  get(path: string, request?: RestRequest): Promise<RestAnswer> {
    return this.call('GET', path, request);
  }

  post(path: string, json: unknown, request: RestRequest = {}): Promise<RestAnswer> {
    return this.call('POST', path, { ...request, json });
  }

  /** A group of alice and the others, made as clients make one; its id. */
  async group(memberIds: string[] = ['bob'], more: object = {}): Promise<string> {
    const { status, body } = await this.post('/v1/chats', { kind: 'group', memberIds, ...more });
    if (status !== 201) throw new Error(`no chat was created: ${JSON.stringify(body)}`);
    return body.chatId;
  }

  /** Says something in a chat; the receipt. */
  async say(chatId: string, body: string, as = 'alice'): Promise<{ messageId: string; sequence: number }> {
    const answer = await this.post(`/v1/chats/${chatId}/messages`, { body }, { as });
    if (answer.status !== 201) throw new Error(`nothing was sent: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}

/** A token for `user` or `tenant/user`. */
export function tokenFor(who: string, ttlSeconds = TOKEN_TTL_SECONDS): Promise<string> {
  const [first = '', second] = who.split('/');
  return second === undefined
    ? signToken(SECRET, { subject: first }, ttlSeconds)
    : signToken(SECRET, { subject: second, claims: { tenant: first } }, ttlSeconds);
}
